-- Where do balances and positions differ from the ledger? One row a difference, none when all is well.
-- Columns: user_id, what (a balance, a chain of balances, or a position), expected by the ledger, found.
-- Run as market_owner (policy `audit`). One statement, one snapshot: true also under load.
WITH entries AS (
    SELECT
        user_id,
        amount,
        balance_after,
        lag(balance_after, 1, 0::numeric) OVER (PARTITION BY user_id ORDER BY created_at) AS balance_before
    FROM ledger_entries
),

balances AS (
    SELECT user_id, sum(amount) AS balance
    FROM entries
    GROUP BY user_id
),

positions AS (
    SELECT user_id, character_id, sum(CASE kind WHEN 'buy' THEN quantity ELSE -quantity END) AS quantity
    FROM ledger_entries
    WHERE character_id IS NOT NULL
    GROUP BY user_id, character_id
)

SELECT coalesce(a.user_id, b.user_id) AS user_id, 'balance' AS what, b.balance AS expected, a.balance AS found
FROM accounts AS a
FULL JOIN balances AS b ON a.user_id = b.user_id
WHERE a.balance IS DISTINCT FROM b.balance
UNION ALL
SELECT user_id, 'balance after an entry', balance_before + amount, balance_after
FROM entries
WHERE balance_before + amount <> balance_after
UNION ALL
SELECT coalesce(p.user_id, h.user_id), 'shares of character ' || coalesce(p.character_id, h.character_id), p.quantity, h.quantity
FROM (SELECT * FROM positions WHERE quantity <> 0) AS p
FULL JOIN holdings AS h ON p.user_id = h.user_id AND p.character_id = h.character_id
WHERE p.quantity IS DISTINCT FROM h.quantity
ORDER BY 1, 2
