-- Execute many orders of one user, now: execute_trades_at tells all of it. For bots and imports.
CREATE FUNCTION execute_trades(p_user_id integer, p_orders jsonb) RETURNS json LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN execute_trades_at(p_user_id, p_orders, clock_timestamp());
END;
$$;
ALTER FUNCTION execute_trades(integer, jsonb) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION execute_trades(integer, jsonb) TO market_app, market_owner;
