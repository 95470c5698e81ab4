-- Which accounts trade alike? Pairs that bought or sold the same characters between the same ticks, the most suspicious first.
-- Parameters: since, until (moments). Looks at the latest 200,000 trades between them, returns at most 100 pairs of accounts.
-- A move is one account's trades in one direction of one character, up to the first published price at or after them.
-- Columns: first_id, first, second_id, second, shared (moves that both made), first_trades and second_trades (trades in these
--   moves), first_all and second_all (all their trades), suspicion: each shared move counts the less the more others made it too,
--   times the part of all moves of the two that they share. A move of more than 50 accounts is a crowd, and counts nothing.
-- Run as market_owner (policy `audit`).
WITH trades AS (
    SELECT user_id, character_id, kind, created_at
    FROM ledger_entries
    WHERE kind IN ('buy', 'sell') AND created_at >= %(since)s AND created_at < %(until)s -- noqa: PRS
    ORDER BY created_at DESC
    LIMIT 200000
),

moves AS (
    SELECT t.user_id, t.character_id, t.kind, p.ticked_at, count(*) AS trades
    FROM trades AS t
    CROSS JOIN
        LATERAL (
            SELECT k.ticked_at
            FROM price_ticks AS k
            WHERE k.character_id = t.character_id AND k.ticked_at >= t.created_at
            ORDER BY k.ticked_at
            LIMIT 1
        ) AS p
    GROUP BY t.user_id, t.character_id, t.kind, p.ticked_at
),

met AS (
    SELECT *, count(*) OVER (PARTITION BY character_id, ticked_at, kind) AS company
    FROM moves
),

accounts_of AS (
    SELECT user_id, count(*) AS moves, sum(trades) AS trades
    FROM moves
    GROUP BY user_id
),

pairs AS (
    SELECT
        a.user_id AS first_id,
        b.user_id AS second_id,
        count(*) AS shared,
        sum(a.trades) AS first_trades,
        sum(b.trades) AS second_trades,
        sum(1.0 / (a.company - 1)) AS weight
    FROM met AS a
    INNER JOIN met AS b
        ON a.character_id = b.character_id AND a.ticked_at = b.ticked_at AND a.kind = b.kind AND a.user_id < b.user_id
    WHERE a.company BETWEEN 2 AND 50
    GROUP BY a.user_id, b.user_id
    HAVING count(*) >= 3
)

SELECT
    p.first_id,
    u.username AS first,
    p.second_id,
    v.username AS second,
    p.shared,
    p.first_trades,
    p.second_trades,
    a.trades AS first_all,
    b.trades AS second_all,
    (p.weight * p.shared / (a.moves + b.moves - p.shared))::double precision AS suspicion
FROM pairs AS p
INNER JOIN accounts_of AS a ON p.first_id = a.user_id
INNER JOIN accounts_of AS b ON p.second_id = b.user_id
INNER JOIN users AS u ON p.first_id = u.id
INNER JOIN users AS v ON p.second_id = v.id
ORDER BY suspicion DESC, p.first_id, p.second_id
LIMIT 100
