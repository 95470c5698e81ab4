-- Record what an UPDATE changed in the columns named by the trigger: one row of `changes` with those that differ, before and
-- after. Who: the staff member bound by SET LOCAL market.staff_id; of a bounty that a tick applies, whoever told the news;
-- NULL for commands and the market itself.
-- SECURITY DEFINER: nobody writes `changes` by hand. Locks nothing.
CREATE OR REPLACE FUNCTION record_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_old jsonb := to_jsonb(OLD);
    v_new jsonb := to_jsonb(NEW);
    v_before jsonb := '{}'::jsonb;
    v_after jsonb := '{}'::jsonb;
    v_column text;
    v_staff_id integer := nullif(current_setting('market.staff_id', true), '')::integer;
BEGIN
    FOREACH v_column IN ARRAY TG_ARGV LOOP
        IF v_old -> v_column IS DISTINCT FROM v_new -> v_column THEN
            v_before := v_before || jsonb_build_object(v_column, v_old -> v_column);
            v_after := v_after || jsonb_build_object(v_column, v_new -> v_column);
        END IF;
    END LOOP;
    IF v_after ? 'bounty' AND v_staff_id IS NULL THEN
        SELECT news_by INTO v_staff_id FROM listings WHERE character_id = NEW.id;
    END IF;
    IF v_after <> '{}'::jsonb THEN
        INSERT INTO changes (table_name, row_id, name, staff_id, before, after)
        VALUES (TG_TABLE_NAME, NEW.id, NEW.name, v_staff_id, v_before, v_after);
    END IF;
    RETURN NULL;
END;
$$;
ALTER FUNCTION record_change() OWNER TO market_system;
