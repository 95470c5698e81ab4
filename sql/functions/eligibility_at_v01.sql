-- Which accounts' votes count at a time, as market_rules says: old enough, traded on enough days (UTC), not a guest's, a member of
-- staff's, an inactive user's or closed. is_barred: staff and inactive users do not trade either. One row an account.
-- Age is that of the opening entry: the ledger cannot be written back.
-- The one place of the rule: count_account_at asks it about one account, the worker once a day about all (probes/votes_due).
-- A plain function, so that the planner looks into it and reads no account that nobody asked about.
CREATE FUNCTION eligibility_at(p_now timestamptz) RETURNS TABLE (user_id integer, counts boolean, is_barred boolean)
LANGUAGE sql STABLE
AS $$
    SELECT a.user_id,
        a.closed_at IS NULL AND u.is_active AND NOT u.is_staff AND NOT u.is_guest
        AND coalesce(r.min_account_days * interval '1 day' <= p_now - (
            SELECT e.created_at FROM ledger_entries e
            WHERE e.user_id = a.user_id AND e.trade_id = '00000000-0000-0000-0000-000000000000'
        ), false)
        AND (r.min_trading_days = 0 OR r.min_trading_days <= (
            SELECT count(DISTINCT (e.created_at AT TIME ZONE 'UTC')::date) FROM ledger_entries e
            WHERE e.user_id = a.user_id AND e.kind IN ('buy', 'sell') AND e.created_at <= p_now
        )),
        u.is_staff OR NOT u.is_active
    FROM accounts a
    JOIN users u ON u.id = a.user_id
    CROSS JOIN market_rules r
$$;
GRANT EXECUTE ON FUNCTION eligibility_at(timestamptz) TO market_system;
