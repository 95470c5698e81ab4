-- Open a trader's account, now: open_account_at tells all of it.
CREATE OR REPLACE FUNCTION open_account(p_user_id integer) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN open_account_at(p_user_id, clock_timestamp());
END;
$$;
ALTER FUNCTION open_account(integer) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION open_account(integer) TO market_app, market_owner;
