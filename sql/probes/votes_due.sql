-- Which accounts would count_account_at decide otherwise? The first thousand after one of them, none when all is well.
-- Parameters: now, after (a user's id). Columns: user_id, in its order. Run as market_owner (policy `audit`).
SELECT a.user_id
FROM accounts AS a
INNER JOIN eligibility_at(%(now)s) AS e ON a.user_id = e.user_id -- noqa: PRS
WHERE a.user_id > %(after)s AND (a.is_counted, a.is_barred) IS DISTINCT FROM (e.counts, e.is_barred) -- noqa: PRS
ORDER BY a.user_id
LIMIT 1000
