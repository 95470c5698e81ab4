-- Buy or sell shares of one character at its current price, at this time. The only way a trade moves money. The site calls
-- execute_trade and execute_trades, which pass the clock; the owner's simulator lives through a past month by the same code.
--
-- p_price     the worst price the user accepts: what he saw, plus his tolerance; NULL accepts any
-- p_trade_id  made by the client; calling again with the same id and body gives the same answer (replayed: true)
-- Returns json: success, message, total_cost (price * quantity), price, code, fee, balance, quantity_held, trade_id,
--   replayed. Amounts in berries. Nothing is written unless code is ok.
-- The vote of an account that counts (vote_of) moves the price at the next tick: where a trade changes it, the difference
--   goes to order_flow, and nothing here touches the character's row.
-- Codes: ok, not_bound, not_your_account, invalid_action, invalid_quantity, invalid_price, no_account,
--   trade_id_reused, account_closed, not_a_trader, market_halted, not_tradeable, price_moved, insufficient_funds, insufficient_shares, position_cap
-- Locks: the user's account row FOR NO KEY UPDATE, before anything is read; it is the user's mutex. Writes rows of
--   that user only, and locks a character's row only by the foreign key of a first purchase.
CREATE FUNCTION execute_trade_at(
    p_user_id integer, p_character_id integer, p_action varchar(10), p_quantity integer, p_price numeric(10, 2),
    p_trade_id uuid, p_now timestamptz
) RETURNS json LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_bound text := nullif(current_setting('market.user_id', true), '');
    v_account accounts;
    v_past ledger_entries;
    v_market record;
    v_held integer;
    v_basis numeric;
    v_held_after integer;
    v_total numeric;
    v_fee numeric;
    v_amount numeric;
    v_votes integer;
    v_now timestamptz;
BEGIN
    IF (v_bound = p_user_id::text) IS NOT TRUE AND NOT pg_has_role(session_user, 'market_owner', 'MEMBER') THEN
        IF v_bound IS NULL THEN
            RETURN trade_answer('not_bound', 'Nobody is signed in. Sign in and send the order again.', p_trade_id);
        END IF;
        RETURN trade_answer('not_your_account', 'This account is not yours. Sign in as its owner to trade.', p_trade_id);
    END IF;
    p_trade_id := coalesce(p_trade_id, gen_random_uuid());

    IF p_action IS NULL OR p_action NOT IN ('buy', 'sell') THEN
        RETURN trade_answer('invalid_action', 'Choose buy or sell.', p_trade_id);
    END IF;
    IF p_quantity IS NULL OR p_quantity NOT BETWEEN 1 AND 1000000 THEN
        RETURN trade_answer('invalid_quantity', 'Enter a whole number of shares from 1 to 1,000,000.', p_trade_id);
    END IF;
    IF p_price <= 0 OR p_price >= 'Infinity' THEN
        RETURN trade_answer('invalid_price', 'The price you accept must be above 0.', p_trade_id);
    END IF;

    SELECT * INTO v_account FROM accounts WHERE user_id = p_user_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN trade_answer('no_account', 'This user has no trading account. Sign up as a trader to get one.', p_trade_id);
    END IF;

    SELECT * INTO v_past FROM ledger_entries WHERE user_id = p_user_id AND trade_id = p_trade_id;
    IF FOUND THEN
        IF (v_past.character_id, v_past.kind, v_past.quantity) IS DISTINCT FROM (p_character_id, p_action, p_quantity) THEN
            RETURN trade_answer('trade_id_reused', 'This trade id belongs to another order. Send the order with a new id.', p_trade_id);
        END IF;
        RETURN trade_answer('ok', 'Trade executed successfully', p_trade_id, v_past.price, p_quantity, v_past.fee,
            v_past.balance_after, v_past.quantity_after, true);
    END IF;

    IF v_account.closed_at IS NOT NULL THEN
        RETURN trade_answer('account_closed', 'This account is closed. Sign up for a new one to trade.', p_trade_id);
    END IF;
    IF v_account.is_barred THEN
        RETURN trade_answer('not_a_trader', 'Staff and deactivated accounts do not trade. Use another account.', p_trade_id);
    END IF;

    SELECT c.current_price AS price, l.full_vote, r.commission, r.kappa, r.position_cap, r.is_halted INTO v_market
    FROM characters c
    JOIN listings l ON l.character_id = c.id
    CROSS JOIN market_rules r
    WHERE c.id = p_character_id AND c.is_active AND c.is_tradeable
        AND NOT l.halted AND NOT l.awaits_bounty AND (l.cools_until > p_now) IS NOT TRUE;
    IF NOT FOUND THEN
        RETURN trade_answer('not_tradeable', 'Character not found or not tradeable', p_trade_id,
            p_balance => v_account.balance);
    END IF;
    SELECT quantity, cost_basis INTO v_held, v_basis
    FROM holdings WHERE user_id = p_user_id AND character_id = p_character_id;
    v_held := coalesce(v_held, 0);
    v_total := v_market.price * p_quantity;
    v_fee := round(ceil(v_total * v_market.commission * 100) / 100, 2);

    IF v_market.is_halted THEN
        RETURN trade_answer('market_halted', 'The market is halted. Try again in a few minutes.', p_trade_id,
            v_market.price, p_quantity, v_fee, v_account.balance, v_held);
    END IF;
    IF (p_action = 'buy' AND v_market.price > p_price) OR (p_action = 'sell' AND v_market.price < p_price) THEN
        RETURN trade_answer('price_moved', 'The price has moved to ฿' || to_char(v_market.price, 'FM999,999,990.00') || '. Look at it and order again.',
            p_trade_id, v_market.price, p_quantity, v_fee, v_account.balance, v_held);
    END IF;
    IF p_action = 'buy' AND v_total + v_fee > v_account.balance THEN
        RETURN trade_answer('insufficient_funds', 'Insufficient funds', p_trade_id,
            v_market.price, p_quantity, v_fee, v_account.balance, v_held);
    END IF;
    IF p_action = 'buy' AND v_held + p_quantity > v_market.position_cap * v_market.full_vote THEN
        RETURN trade_answer('position_cap', 'Nobody may hold more than ' || v_market.position_cap * v_market.full_vote
            || ' shares of this character. Order fewer.',
            p_trade_id, v_market.price, p_quantity, v_fee, v_account.balance, v_held);
    END IF;
    IF p_action = 'sell' AND v_held < p_quantity THEN
        RETURN trade_answer('insufficient_shares', 'You hold ' || v_held || ' shares. Sell at most that many.',
            p_trade_id, v_market.price, p_quantity, v_fee, v_account.balance, v_held);
    END IF;

    v_now := greatest(p_now, v_account.last_entry_at + interval '1 microsecond');
    IF p_action = 'buy' THEN
        v_amount := -v_total - v_fee;
        v_held_after := v_held + p_quantity;
        INSERT INTO holdings (user_id, character_id, quantity, cost_basis)
        VALUES (p_user_id, p_character_id, p_quantity, -v_amount)
        ON CONFLICT (user_id, character_id) DO UPDATE
        SET quantity = excluded.quantity + holdings.quantity, cost_basis = excluded.cost_basis + holdings.cost_basis;
    ELSE
        v_amount := v_total - v_fee;
        v_held_after := v_held - p_quantity;
        IF v_held_after = 0 THEN
            DELETE FROM holdings WHERE user_id = p_user_id AND character_id = p_character_id;
        ELSE
            UPDATE holdings SET quantity = v_held_after, cost_basis = v_basis - round(v_basis * p_quantity / v_held, 2)
            WHERE user_id = p_user_id AND character_id = p_character_id;
        END IF;
    END IF;
    UPDATE accounts SET balance = balance + v_amount, last_entry_at = v_now WHERE user_id = p_user_id;
    INSERT INTO ledger_entries
        (user_id, character_id, created_at, trade_id, quantity, quantity_after, kind, price, fee, amount, balance_after)
    VALUES
        (p_user_id, p_character_id, v_now, p_trade_id, p_quantity, v_held_after, p_action, v_market.price, v_fee,
         v_amount, v_account.balance + v_amount);
    v_votes := vote_of(v_held_after, v_market.full_vote, v_market.kappa) - vote_of(v_held, v_market.full_vote, v_market.kappa);
    IF v_account.is_counted AND v_votes <> 0 THEN
        INSERT INTO order_flow (user_id, trade_id, character_id, votes, created_at)
        VALUES (p_user_id, p_trade_id, p_character_id, v_votes, v_now);
    END IF;
    RETURN trade_answer('ok', 'Trade executed successfully', p_trade_id, v_market.price, p_quantity, v_fee,
        v_account.balance + v_amount, v_held_after);
END;
$$;
ALTER FUNCTION execute_trade_at(integer, integer, varchar, integer, numeric, uuid, timestamptz) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION execute_trade_at(integer, integer, varchar, integer, numeric, uuid, timestamptz) TO market_owner;
