-- Execute many orders of one user at this time, in one transaction under one lock: his account's row, by the first of them.
--
-- p_orders  jsonb array of at most 1,000 objects: character_id, action, quantity, and price and trade_id where wanted
-- Returns a json array with one answer (execute_trade_at) for each order, in their order. A refused order stops none of the
--   others; code invalid_order: it could not be read. Error 22023 where the list as a whole is none: then nothing was done.
CREATE FUNCTION execute_trades_at(p_user_id integer, p_orders jsonb, p_now timestamptz) RETURNS json LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_order jsonb;
    v_answers json[] := ARRAY[]::json[];
BEGIN
    IF jsonb_typeof(p_orders) IS DISTINCT FROM 'array' OR jsonb_array_length(p_orders) > 1000 THEN
        RAISE EXCEPTION 'invalid_orders: send a list of at most 1,000 orders.' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR v_order IN SELECT * FROM jsonb_array_elements(p_orders) LOOP
        IF (
            jsonb_typeof(v_order) = 'object' AND v_order ->> 'character_id' ~ '^[0-9]{1,9}$' AND v_order ->> 'quantity' ~ '^[0-9]{1,7}$'
            AND length(coalesce(v_order ->> 'action', '')) <= 10
            AND coalesce(v_order ->> 'price', '1') ~ '^[0-9]{1,8}(\.[0-9]{1,2})?$'
            AND coalesce(v_order ->> 'trade_id', '00000000-0000-0000-0000-000000000001') ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        ) IS NOT TRUE THEN
            v_answers := v_answers || trade_answer('invalid_order',
                'Send character_id, action, quantity, and price and trade_id where wanted, each as execute_trade takes it.', NULL);
        ELSE
            v_answers := v_answers || execute_trade_at(
                p_user_id, (v_order ->> 'character_id')::integer, v_order ->> 'action', (v_order ->> 'quantity')::integer,
                (v_order ->> 'price')::numeric, (v_order ->> 'trade_id')::uuid, p_now
            );
        END IF;
    END LOOP;
    RETURN array_to_json(v_answers);
END;
$$;
ALTER FUNCTION execute_trades_at(integer, jsonb, timestamptz) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION execute_trades_at(integer, jsonb, timestamptz) TO market_owner;
