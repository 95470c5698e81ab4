-- Refuse to delete a user who is in the ledger, by any route, in a sentence.
-- The foreign key ledger_entries -> users (NO ACTION) is the guarantee; this is its explanation.
-- SECURITY DEFINER: it counts past row-level security. Error: 23001 restrict_violation.
CREATE FUNCTION refuse_deleting_trader() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_entries bigint := (SELECT count(*) FROM ledger_entries WHERE user_id = OLD.id);
BEGIN
    IF v_entries > 0 THEN
        RAISE EXCEPTION '% is in the ledger with % and cannot be deleted. Deactivate the user instead (is_active = false).',
            OLD.username, CASE v_entries WHEN 1 THEN '1 entry' ELSE v_entries || ' entries' END
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END;
$$;
ALTER FUNCTION refuse_deleting_trader() OWNER TO market_system;
