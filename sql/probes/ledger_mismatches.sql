-- Where do balances and positions differ from the ledger? One row a difference, none when all is well.
-- Columns: user_id, what, expected (by the ledger), found; both in berries or shares.
-- Proves each balance, each entry's balance_after and quantity_after, and each position's shares and cost.
-- Run as market_owner (policy `audit`). One statement, one snapshot: true also under load.
WITH entries AS (
    SELECT
        *,
        lag(balance_after, 1, 0::numeric) OVER (PARTITION BY user_id ORDER BY created_at) + amount AS balance_due,
        sum(CASE kind WHEN 'buy' THEN quantity ELSE -quantity END)
            OVER (PARTITION BY user_id, character_id ORDER BY created_at) AS quantity_due
    FROM ledger_entries
),

balances AS (
    SELECT user_id, sum(amount) AS balance
    FROM ledger_entries
    GROUP BY user_id
),

positions AS (
    SELECT user_id, character_id, position_of(kind, quantity, amount ORDER BY created_at) AS due
    FROM ledger_entries
    WHERE character_id IS NOT NULL
    GROUP BY user_id, character_id
),

compared AS (
    SELECT
        coalesce(p.user_id, h.user_id) AS user_id,
        coalesce(p.character_id, h.character_id) AS character_id,
        p.due,
        h.quantity,
        h.cost_basis
    FROM (SELECT * FROM positions WHERE due[1] <> 0) AS p
    FULL JOIN holdings AS h ON p.user_id = h.user_id AND p.character_id = h.character_id
)

SELECT coalesce(a.user_id, b.user_id) AS user_id, 'balance' AS what, b.balance AS expected, a.balance AS found
FROM accounts AS a
FULL JOIN balances AS b ON a.user_id = b.user_id
WHERE a.balance IS DISTINCT FROM b.balance
UNION ALL
SELECT user_id, 'balance after trade ' || trade_id, balance_due, balance_after
FROM entries
WHERE balance_due <> balance_after
UNION ALL
SELECT user_id, 'shares after trade ' || trade_id, quantity_due, quantity_after
FROM entries
WHERE quantity_due <> quantity_after
UNION ALL
SELECT user_id, 'shares of character ' || character_id, due[1], quantity
FROM compared
WHERE due[1] IS DISTINCT FROM quantity
UNION ALL
SELECT user_id, 'cost of character ' || character_id, due[2], cost_basis
FROM compared
WHERE due[2] IS DISTINCT FROM cost_basis
ORDER BY 1, 2
