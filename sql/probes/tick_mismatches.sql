-- Which published prices do not follow from the log? One row a tick and character, none when all is well.
-- Parameters: from, to (moments). Replays the ticks between them: demand is the demand before plus the votes consumed, and the
-- price follows from it and the fundamental value. Columns: character_id, ticked_at, what, expected, found.
WITH replayed AS (
    SELECT
        t.*,
        l.baseline,
        coalesce(lag(t.demand) OVER (PARTITION BY t.character_id ORDER BY t.ticked_at), l.baseline) + t.votes AS demand_due
    FROM price_ticks AS t
    INNER JOIN listings AS l ON t.character_id = l.character_id
    WHERE t.ticked_at <= %(to)s -- noqa: PRS
)

SELECT character_id, ticked_at, 'demand' AS what, demand_due::numeric AS expected, demand::numeric AS found
FROM replayed
WHERE ticked_at >= %(from)s AND demand_due <> demand -- noqa: PRS
UNION ALL
SELECT character_id, ticked_at, 'price', market_price(fundamental, demand_due - baseline), price
FROM replayed
WHERE ticked_at >= %(from)s AND market_price(fundamental, demand_due - baseline) <> price -- noqa: PRS
ORDER BY 1, 2, 3
