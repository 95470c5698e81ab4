-- The one shape of every answer of execute_trade. Money in berries; what is not known is null.
CREATE FUNCTION trade_answer(
    p_code text, p_message text, p_trade_id uuid,
    p_price numeric DEFAULT NULL, p_quantity integer DEFAULT NULL, p_fee numeric DEFAULT NULL,
    p_balance numeric DEFAULT NULL, p_quantity_held integer DEFAULT NULL, p_replayed boolean DEFAULT FALSE
) RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT json_build_object(
        'success', p_code = 'ok', 'message', p_message, 'total_cost', p_price * p_quantity, 'price', p_price,
        'code', p_code, 'fee', p_fee, 'balance', p_balance, 'quantity_held', p_quantity_held,
        'trade_id', p_trade_id, 'replayed', p_replayed)
$$;
GRANT EXECUTE ON FUNCTION trade_answer(text, text, uuid, numeric, integer, numeric, numeric, integer, boolean)
TO market_system;
