-- Refuse to delete a character that traders hold, by any route (a cascade from its crew as well), in a sentence.
-- The foreign key holdings -> characters (NO ACTION) is the guarantee; this is its explanation.
-- SECURITY DEFINER: it counts past row-level security. Error: 23001 restrict_violation.
CREATE FUNCTION refuse_deleting_held() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_holders bigint := (SELECT count(*) FROM holdings WHERE character_id = OLD.id);
BEGIN
    IF v_holders > 0 THEN
        RAISE EXCEPTION '% is held by % and cannot be deleted. Deactivate it instead (is_active = false).',
            OLD.name, CASE v_holders WHEN 1 THEN '1 trader' ELSE v_holders || ' traders' END
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END;
$$;
ALTER FUNCTION refuse_deleting_held() OWNER TO market_system;
