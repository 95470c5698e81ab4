-- The richest traders: cash plus what their positions would bring after commission, in berries. Rank 1 first;
-- p_limit NULL: all traders.
-- Simulated traders are ranked, and marked. Guests, staff and closed accounts are not ranked.
-- SECURITY DEFINER: it adds up over all accounts, and shows only name and sum.
CREATE FUNCTION ranked_traders(p_limit integer)
RETURNS TABLE (rank bigint, user_id integer, username varchar, is_simulated boolean, worth numeric)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
    WITH positions AS (
        SELECT h.user_id, sum(h.quantity * c.current_price - round(ceil(h.quantity * c.current_price * r.commission * 100) / 100, 2)) AS worth
        FROM holdings h
        JOIN characters c ON c.id = h.character_id
        CROSS JOIN market_rules r
        GROUP BY h.user_id
    ), worths AS (
        SELECT a.user_id, a.balance + coalesce(p.worth, 0) AS worth
        FROM accounts a
        LEFT JOIN positions p ON p.user_id = a.user_id
        WHERE a.closed_at IS NULL
    )
    SELECT rank() OVER (ORDER BY w.worth DESC), w.user_id, u.username, u.is_simulated, w.worth
    FROM worths w
    JOIN users u ON u.id = w.user_id
    WHERE u.is_active AND NOT u.is_staff AND NOT u.is_guest
    ORDER BY w.worth DESC, w.user_id
    LIMIT p_limit
$$;
ALTER FUNCTION ranked_traders(integer) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION ranked_traders(integer) TO market_app, market_owner;
