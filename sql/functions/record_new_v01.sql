-- Record new rows by their name alone: what they hold later is told by the changes that follow. Runs once a statement, so
-- that 100,000 rows cost one INSERT. Who: as in record_change.
-- SECURITY DEFINER: nobody writes `changes` by hand.
CREATE FUNCTION record_new() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO changes (table_name, row_id, name, staff_id, after)
    SELECT TG_TABLE_NAME, id, name, nullif(current_setting('market.staff_id', true), '')::integer, jsonb_build_object('name', name)
    FROM inserted ORDER BY id;
    RETURN NULL;
END;
$$;
ALTER FUNCTION record_new() OWNER TO market_system;
