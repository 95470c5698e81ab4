-- The active characters that a text means, best first. tier: 1 its name, 2 another of its names, 3 a beginning or all words
-- of its names, 4 all words somewhere, 5 spelled or sounding alike; within a tier by likeness (more is better; words that
-- stay side by side count most; of spellings from 0 to 1), then market cap. NULL filters nothing.
-- Every step reads a GIN index, whatever the planner thinks of how common the words are, and stops at what it can rank: of
-- 100,000 characters whom a text fits, 500 are ranked (of spellings 2,000 by trigrams, the best 100 of these by edits).
-- Only a superuser may name an extension's parameter unseen: the first statement loads pg_trgm.
SELECT similarity('', '');
CREATE FUNCTION search_characters(
    p_text text, p_limit integer, p_crew_id integer, p_min_price numeric, p_max_price numeric,
    p_min_bounty bigint, p_max_bounty bigint
) RETURNS TABLE (id integer, tier integer, likeness real)
LANGUAGE sql STABLE ROWS 50
SET enable_seqscan = off
SET enable_indexscan = off
SET max_parallel_workers_per_gather = 0
SET jit = off
SET "pg_trgm.word_similarity_threshold" = 0.35
AS $$
WITH allowed AS NOT MATERIALIZED (
    SELECT c.id, c.market_cap, c.search, c.names FROM characters AS c
    WHERE
        coalesce(c.is_active, false) -- not c.is_active: an index on it must not stand in for the GIN index
        AND (p_crew_id IS NULL OR c.crew_id = p_crew_id)
        AND (p_min_price IS NULL OR c.current_price >= p_min_price)
        AND (p_max_price IS NULL OR c.current_price <= p_max_price)
        AND (p_min_bounty IS NULL OR c.bounty >= p_min_bounty)
        AND (p_max_bounty IS NULL OR c.bounty <= p_max_bounty)
), exact AS MATERIALIZED (
    SELECT a.id, a.market_cap, CASE WHEN a.search @@ search_query(p_text, 'name') THEN 1 ELSE 2 END AS tier, 1 AS likeness
    FROM allowed AS a WHERE a.search @@ search_query(p_text, 'exact') LIMIT 500
), started AS MATERIALIZED (
    SELECT a.id, a.market_cap, 3 AS tier,
        (a.search @@ search_query(p_text, 'name start'))::integer + (a.search @@ search_query(p_text, 'any start'))::integer
        + (a.search @@ search_query(p_text, 'phrase'))::integer AS likeness
    FROM allowed AS a WHERE a.search @@ search_query(p_text, 'start') LIMIT 500
), worded AS MATERIALIZED (
    SELECT a.id, a.market_cap, 4 AS tier, ts_rank(a.search, search_query(p_text, 'words'))
        + (a.search @@ search_query(p_text, 'phrase'))::integer AS likeness
    FROM allowed AS a WHERE a.search @@ search_query(p_text, 'words') LIMIT 500
), spelled AS MATERIALIZED (
    SELECT a.id, a.market_cap, a.names FROM allowed AS a
    WHERE search_form(p_text) ~ '[a-z0-9]{3}' AND search_form(p_text) <% a.names LIMIT 2000
), sounding AS MATERIALIZED (
    SELECT a.id, a.market_cap, a.names FROM allowed AS a WHERE a.search @@ search_query(p_text, 'sound') LIMIT 500
), alike AS MATERIALIZED (
    SELECT s.id, s.market_cap, s.names FROM (SELECT * FROM spelled UNION SELECT * FROM sounding) AS s
    ORDER BY
        word_similarity(search_form(p_text), s.names)
        + CASE WHEN search_sounds(search_form(p_text)) <@ search_sounds(s.names) THEN 0.2 ELSE 0 END DESC,
        s.market_cap DESC
    LIMIT 100
), found AS (
    SELECT DISTINCT ON (f.id) f.* FROM (
        SELECT * FROM exact UNION ALL SELECT * FROM started UNION ALL SELECT * FROM worded UNION ALL
        SELECT s.id, s.market_cap, 5, 1 - search_distance(search_form(p_text), s.names) FROM alike AS s
    ) AS f ORDER BY f.id, f.tier
)
SELECT f.id, f.tier, f.likeness::real FROM found AS f
ORDER BY f.tier, f.likeness DESC, f.market_cap DESC, f.id LIMIT p_limit
$$;
GRANT EXECUTE ON FUNCTION search_characters(text, integer, integer, numeric, numeric, bigint, bigint)
TO market_app, market_system;
