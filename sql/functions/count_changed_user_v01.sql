-- A user became staff, inactive or somebody with a name, or ceased to be: his account counts by what he is now.
CREATE FUNCTION count_changed_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM count_account_at(NEW.id, clock_timestamp());
    RETURN NULL;
END;
$$;
ALTER FUNCTION count_changed_user() OWNER TO market_system;
