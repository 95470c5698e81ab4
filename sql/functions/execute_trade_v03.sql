-- Buy or sell shares of one character at its current price, now: execute_trade_at tells all of it. The module's signature, and
-- the trade id made by the client.
CREATE OR REPLACE FUNCTION execute_trade(
    p_user_id integer, p_character_id integer, p_action varchar(10), p_quantity integer, p_price numeric(10, 2),
    p_trade_id uuid DEFAULT gen_random_uuid()
) RETURNS json LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN execute_trade_at(p_user_id, p_character_id, p_action, p_quantity, p_price, p_trade_id, clock_timestamp());
END;
$$;
ALTER FUNCTION execute_trade(integer, integer, varchar, integer, numeric, uuid) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION execute_trade(integer, integer, varchar, integer, numeric, uuid) TO market_app, market_owner;
