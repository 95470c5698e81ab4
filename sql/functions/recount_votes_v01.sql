-- Another kappa weighs every vote anew: the differences go to order_flow, one row a position of an account that counts.
-- Locks accounts against every trade, so that none is weighed with the old kappa afterwards.
CREATE FUNCTION recount_votes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    LOCK TABLE accounts IN EXCLUSIVE MODE;
    INSERT INTO order_flow (user_id, trade_id, character_id, votes, created_at)
    SELECT h.user_id, gen_random_uuid(), h.character_id, v.votes, clock_timestamp()
    FROM holdings h
    JOIN accounts a ON a.user_id = h.user_id AND a.is_counted
    JOIN listings l ON l.character_id = h.character_id
    CROSS JOIN LATERAL (
        SELECT vote_of(h.quantity, l.full_vote, NEW.kappa) - vote_of(h.quantity, l.full_vote, OLD.kappa)
    ) AS v (votes)
    WHERE v.votes <> 0;
    RETURN NULL;
END;
$$;
ALTER FUNCTION recount_votes() OWNER TO market_system;
