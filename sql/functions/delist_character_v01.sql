-- Take a character off the market for good: buy back every position at the last published price, without commission, as
-- ledger entries of kind delisting; its votes leave with it, and it is no longer tradeable.
-- p_price  the price that staff saw in the preview: another one is refused
-- Returns json: success, code, message, positions, shares, paid (berries). Codes: ok, unknown_character, price_moved.
-- Locks: the character's row, then accounts against every trade (the market waits).
CREATE FUNCTION delist_character(p_character_id integer, p_price numeric) RETURNS json LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_price numeric;
    v_kappa integer;
    v_answer json;
BEGIN
    SELECT current_price INTO v_price FROM characters WHERE id = p_character_id FOR NO KEY UPDATE;
    LOCK TABLE accounts IN EXCLUSIVE MODE;
    SELECT kappa INTO v_kappa FROM market_rules;  -- after the lock: another kappa under way (recount_votes) was waited for
    IF (v_price = p_price) IS NOT TRUE THEN
        RETURN json_build_object('success', false, 'positions', 0, 'shares', 0, 'paid', 0,
            'code', CASE WHEN v_price IS NULL THEN 'unknown_character' ELSE 'price_moved' END,
            'message', CASE WHEN v_price IS NULL THEN 'There is no such character.'
                ELSE 'The price has moved to ฿' || to_char(v_price, 'FM999,999,990.00') || '. Look at the preview again.' END);
    END IF;
    UPDATE characters SET is_tradeable = false WHERE id = p_character_id;
    WITH positions AS (
        DELETE FROM holdings WHERE character_id = p_character_id RETURNING user_id, quantity
    ), paid AS (
        UPDATE accounts a
        SET balance = a.balance + p.quantity * v_price,
            last_entry_at = greatest(clock_timestamp(), a.last_entry_at + interval '1 microsecond')
        FROM positions p
        WHERE a.user_id = p.user_id
        RETURNING a.user_id, p.quantity, a.balance, a.last_entry_at, a.is_counted, gen_random_uuid() AS trade_id
    ), entered AS (
        INSERT INTO ledger_entries
            (user_id, character_id, created_at, trade_id, quantity, quantity_after, kind, price, fee, amount, balance_after)
        SELECT user_id, p_character_id, last_entry_at, trade_id, quantity, 0, 'delisting', v_price, 0, quantity * v_price, balance
        FROM paid
    ), withdrawn AS (
        INSERT INTO order_flow (user_id, trade_id, character_id, votes, created_at)
        SELECT p.user_id, p.trade_id, p_character_id, -v.votes, p.last_entry_at
        FROM paid p
        JOIN listings l ON l.character_id = p_character_id
        CROSS JOIN LATERAL vote_of(p.quantity, l.full_vote, v_kappa) AS v (votes)
        WHERE p.is_counted AND v.votes <> 0
    )
    SELECT json_build_object('success', true, 'code', 'ok', 'message', 'Every position was bought back.',
        'positions', count(*), 'shares', coalesce(sum(quantity), 0), 'paid', coalesce(sum(quantity * v_price), 0))
    INTO v_answer FROM paid;
    RETURN v_answer;
END;
$$;
ALTER FUNCTION delist_character(integer, numeric) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION delist_character(integer, numeric) TO market_owner;
