-- Where does demand differ from what is held? One row a character, none when all is well.
-- Columns: character_id, expected (votes of all positions of accounts that count), found (demand and pending flow); micro-votes.
-- Run as market_owner (policy `audit`). One statement, one snapshot: true also under load.
WITH held AS (
    SELECT h.character_id, sum(vote_of(h.quantity, l.full_vote, r.kappa)) AS votes
    FROM holdings AS h
    INNER JOIN accounts AS a ON h.user_id = a.user_id AND a.is_counted
    INNER JOIN listings AS l ON h.character_id = l.character_id
    CROSS JOIN market_rules AS r
    GROUP BY h.character_id
),

pending AS (
    SELECT character_id, sum(votes) AS votes
    FROM order_flow
    GROUP BY character_id
)

SELECT l.character_id, coalesce(h.votes, 0) AS expected, l.demand + coalesce(p.votes, 0) AS found
FROM listings AS l
LEFT JOIN held AS h ON l.character_id = h.character_id
LEFT JOIN pending AS p ON l.character_id = p.character_id
WHERE coalesce(h.votes, 0) <> l.demand + coalesce(p.votes, 0)
ORDER BY l.character_id
