-- Which published prices do not follow from the log? One row a tick and character, none when all is well.
-- Parameters: from, to (moments; the second is not among them). Replays the ticks between them: demand is what the tick before
-- left plus the votes consumed, and the price follows from it and the fundamental value.
-- Columns: character_id, ticked_at, what, expected, found.
WITH replayed AS (
    SELECT
        t.*,
        l.baseline,
        t.votes + coalesce(
            lag(t.demand) OVER (PARTITION BY t.character_id ORDER BY t.ticked_at),
            (
                SELECT b.demand
                FROM price_ticks AS b
                WHERE b.character_id = t.character_id AND b.ticked_at < %(from)s -- noqa: PRS
                ORDER BY b.ticked_at DESC
                LIMIT 1
            ),
            l.baseline
        ) AS demand_due
    FROM price_ticks AS t
    INNER JOIN listings AS l ON t.character_id = l.character_id
    WHERE t.ticked_at >= %(from)s AND t.ticked_at < %(to)s -- noqa: PRS
)

SELECT character_id, ticked_at, 'demand' AS what, demand_due::numeric AS expected, demand::numeric AS found
FROM replayed
WHERE demand_due <> demand
UNION ALL
SELECT character_id, ticked_at, 'price', market_price(fundamental, demand_due - baseline), price
FROM replayed
WHERE market_price(fundamental, demand_due - baseline) <> price
ORDER BY 1, 2, 3
