-- Let an account's votes count, or no longer, as eligibility_at says at this time. Where that changes, the votes of all its
-- holdings go to order_flow in the same transaction. Also bars staff and inactive users from trading. Returns whether it counts.
-- Locks: the user's account row FOR NO KEY UPDATE. A user's row that the caller has locked was locked before it. The account is
-- written before its holdings are read: who rebuilds them has locked the table, and is waited for.
CREATE OR REPLACE FUNCTION count_account_at(p_user_id integer, p_now timestamptz) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_counted boolean;
    v_counts boolean;
    v_barred boolean;
BEGIN
    SELECT is_counted INTO v_counted FROM accounts WHERE user_id = p_user_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT counts, is_barred INTO v_counts, v_barred FROM eligibility_at(p_now) WHERE user_id = p_user_id;
    UPDATE accounts SET is_counted = v_counts, is_barred = v_barred
    WHERE user_id = p_user_id AND (is_counted, is_barred) IS DISTINCT FROM (v_counts, v_barred);
    IF v_counts <> v_counted THEN
        INSERT INTO order_flow (user_id, trade_id, character_id, votes, created_at)
        SELECT p_user_id, gen_random_uuid(), h.character_id, v.votes * CASE WHEN v_counts THEN 1 ELSE -1 END, p_now
        FROM holdings h
        JOIN listings l ON l.character_id = h.character_id
        CROSS JOIN market_rules r
        CROSS JOIN LATERAL vote_of(h.quantity, l.full_vote, r.kappa) AS v (votes)
        WHERE h.user_id = p_user_id AND v.votes <> 0;
    END IF;
    RETURN v_counts;
END;
$$;
ALTER FUNCTION count_account_at(integer, timestamptz) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION count_account_at(integer, timestamptz) TO market_owner;
