-- Record deleted rows with all they held, but for the search column. Runs once a statement. Who: as in record_change.
-- SECURITY DEFINER: nobody writes `changes` by hand.
CREATE FUNCTION record_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO changes (table_name, row_id, name, staff_id, before)
    SELECT TG_TABLE_NAME, id, name, nullif(current_setting('market.staff_id', true), '')::integer, to_jsonb(d) - 'search'
    FROM deleted d ORDER BY id;
    RETURN NULL;
END;
$$;
ALTER FUNCTION record_gone() OWNER TO market_system;
