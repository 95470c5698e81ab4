-- Let an account's votes count, or no longer, as market_rules says at this time: old enough, traded on enough days (UTC), not a
-- guest's, a member of staff's, an inactive user's or closed. Where that changes, the votes of all its holdings go to
-- order_flow in the same transaction. Also bars staff and inactive users from trading. Returns whether the account counts.
-- Age is that of the opening entry: the ledger cannot be written back.
-- Locks: the user's account row FOR NO KEY UPDATE. A user's row that the caller has locked was locked before it.
CREATE FUNCTION count_account_at(p_user_id integer, p_now timestamptz) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_account accounts;
    v_user users;
    v_rules market_rules;
    v_counts boolean;
BEGIN
    SELECT * INTO v_account FROM accounts WHERE user_id = p_user_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT * INTO v_user FROM users WHERE id = p_user_id;
    SELECT * INTO v_rules FROM market_rules;
    v_counts := v_account.closed_at IS NULL AND v_user.is_active AND NOT v_user.is_staff AND NOT v_user.is_guest
        AND v_rules.min_account_days * interval '1 day' <= p_now - (
            SELECT created_at FROM ledger_entries
            WHERE user_id = p_user_id AND trade_id = '00000000-0000-0000-0000-000000000000'
        );
    IF v_counts AND v_rules.min_trading_days > 0 THEN
        v_counts := v_rules.min_trading_days <= (
            SELECT count(DISTINCT (created_at AT TIME ZONE 'UTC')::date) FROM ledger_entries
            WHERE user_id = p_user_id AND kind IN ('buy', 'sell') AND created_at <= p_now
        );
    END IF;
    v_counts := coalesce(v_counts, false);
    IF v_counts <> v_account.is_counted THEN
        INSERT INTO order_flow (user_id, trade_id, character_id, votes, created_at)
        SELECT p_user_id, gen_random_uuid(), h.character_id, v.votes * CASE WHEN v_counts THEN 1 ELSE -1 END, p_now
        FROM holdings h
        JOIN listings l ON l.character_id = h.character_id
        CROSS JOIN LATERAL vote_of(h.quantity, l.full_vote, v_rules.kappa) AS v (votes)
        WHERE h.user_id = p_user_id AND v.votes <> 0;
    END IF;
    UPDATE accounts SET is_counted = v_counts, is_barred = v_user.is_staff OR NOT v_user.is_active
    WHERE user_id = p_user_id
        AND (is_counted, is_barred) IS DISTINCT FROM (v_counts, v_user.is_staff OR NOT v_user.is_active);
    RETURN v_counts;
END;
$$;
ALTER FUNCTION count_account_at(integer, timestamptz) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION count_account_at(integer, timestamptz) TO market_owner;
