-- Close a trader's account: sell every position at its last published price, then let nothing move on it any more.
-- Each sale is an ordinary ledger entry, with fee and votes as execute_trade reckons them; characters that are halted or not
-- tradeable are sold, too, and so they are while the market is halted. The cash stays in the books. What the site knows of the
-- person is erased by the caller, in the same transaction (trading/closing.py).
-- Returns json: success, code, message, positions_sold, balance (berries). Closing again changes nothing and is a success.
-- Codes: ok, not_bound, not_your_account, staff_account, no_account
-- Locks: the user's account row, by the update that closes it: a trade under way is waited for, and its position sold; one
-- that waits for us is refused (account_closed). The update also waits for a rebuild of the projections under way.
CREATE OR REPLACE FUNCTION close_account(p_user_id integer) RETURNS json LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_bound text := nullif(current_setting('market.user_id', true), '');
    v_account accounts;
    v_rules market_rules;
    v_position record;
    v_fee numeric;
    v_amount numeric;
    v_votes integer;
    v_trade uuid;
    v_sold integer := 0;
BEGIN
    IF (v_bound = p_user_id::text) IS NOT TRUE AND NOT pg_has_role(session_user, 'market_owner', 'MEMBER') THEN
        RETURN json_build_object('success', false, 'code', CASE WHEN v_bound IS NULL THEN 'not_bound' ELSE 'not_your_account' END,
            'message', 'This account is not yours. Log in as its owner to close it.', 'positions_sold', 0, 'balance', NULL);
    END IF;
    IF EXISTS (SELECT FROM users WHERE id = p_user_id AND is_staff) THEN
        RETURN json_build_object('success', false, 'code', 'staff_account', 'message',
            'A staff account cannot be closed here. Ask another member of the staff to deactivate it.',
            'positions_sold', 0, 'balance', NULL);
    END IF;

    UPDATE accounts SET closed_at = greatest(clock_timestamp(), last_entry_at + interval '1 microsecond')
    WHERE user_id = p_user_id AND closed_at IS NULL
    RETURNING * INTO v_account;
    IF NOT FOUND THEN
        SELECT * INTO v_account FROM accounts WHERE user_id = p_user_id;
        RETURN json_build_object('success', FOUND, 'code', CASE WHEN FOUND THEN 'ok' ELSE 'no_account' END, 'message',
            CASE WHEN FOUND THEN 'The account was closed before.' ELSE 'This user has no trading account.' END,
            'positions_sold', 0, 'balance', v_account.balance);
    END IF;

    SELECT * INTO v_rules FROM market_rules;
    v_account.last_entry_at := v_account.closed_at;
    FOR v_position IN
        SELECT h.character_id, h.quantity, c.current_price AS price, l.full_vote
        FROM holdings h
        JOIN characters c ON c.id = h.character_id
        LEFT JOIN listings l ON l.character_id = h.character_id
        WHERE h.user_id = p_user_id
        ORDER BY h.character_id
    LOOP
        v_trade := gen_random_uuid();
        v_fee := round(ceil(v_position.price * v_position.quantity * v_rules.commission * 100) / 100, 2);
        v_amount := v_position.price * v_position.quantity - v_fee;
        v_account.balance := v_account.balance + v_amount;
        v_account.last_entry_at := v_account.last_entry_at + interval '1 microsecond';
        DELETE FROM holdings WHERE user_id = p_user_id AND character_id = v_position.character_id;
        INSERT INTO ledger_entries
            (user_id, character_id, created_at, trade_id, quantity, quantity_after, kind, price, fee, amount, balance_after)
        VALUES
            (p_user_id, v_position.character_id, v_account.last_entry_at, v_trade, v_position.quantity, 0, 'sell',
             v_position.price, v_fee, v_amount, v_account.balance);
        v_votes := -vote_of(v_position.quantity, v_position.full_vote, v_rules.kappa);
        IF v_account.is_counted AND v_votes <> 0 THEN
            INSERT INTO order_flow (user_id, trade_id, character_id, votes, created_at)
            VALUES (p_user_id, v_trade, v_position.character_id, v_votes, v_account.last_entry_at);
        END IF;
        v_sold := v_sold + 1;
    END LOOP;
    UPDATE accounts SET balance = v_account.balance, last_entry_at = v_account.last_entry_at, is_counted = false
    WHERE user_id = p_user_id;
    RETURN json_build_object('success', true, 'code', 'ok', 'message', 'The account is closed.',
        'positions_sold', v_sold, 'balance', v_account.balance);
END;
$$;
ALTER FUNCTION close_account(integer) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION close_account(integer) TO market_app, market_owner;
