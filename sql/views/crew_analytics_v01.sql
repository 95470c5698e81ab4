-- Crews in numbers, as of the last REFRESH (the module's view). The character's is_active is tested in ON: in WHERE it would
-- turn the LEFT JOIN into an inner one and lose crews without active members. crew_id and its unique index allow
-- REFRESH ... CONCURRENTLY.
CREATE MATERIALIZED VIEW crew_analytics AS
SELECT
    c.id AS crew_id,
    c.name AS crew_name,
    COUNT(ch.id) AS member_count,
    SUM(ch.bounty) AS total_bounty,
    AVG(ch.current_price) AS avg_price,
    SUM(ch.market_cap) AS total_market_cap,
    AVG(ch.sentiment_score) AS avg_sentiment
FROM crews AS c
LEFT JOIN characters AS ch ON c.id = ch.crew_id AND ch.is_active = true
WHERE c.is_active = true
GROUP BY c.id, c.name
ORDER BY total_market_cap DESC;

-- The view is new here: nobody waits.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX idx_crew_analytics_crew ON crew_analytics (crew_id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_crew_analytics_market_cap ON crew_analytics (total_market_cap DESC);
GRANT SELECT ON crew_analytics TO market_app;
