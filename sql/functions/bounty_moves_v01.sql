-- Which prices would news of bounties move? One row a character whose bounty they change, by name: its bounty and price now, and
-- then, by the demand that the last tick counted. Changes nothing: a preview. Moves nothing, and has no row: news of a chapter
-- older than that of news already told, and the bounty that a character has.
-- p_ids, p_amounts (NULL: nobody knows), p_chapters (NULL: to be confirmed)  one place each a character
-- p_at  when they would take effect
CREATE FUNCTION bounty_moves(p_ids integer[], p_amounts bigint[], p_chapters integer[], p_at timestamptz DEFAULT now())
RETURNS TABLE (character_id integer, name varchar, bounty bigint, new_bounty bigint, price numeric, new_price numeric)
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.id, c.name, c.bounty, n.amount, c.current_price, market_price(bounty_fundamental(n.amount), l.demand - l.baseline)
    FROM unnest(p_ids, p_amounts, p_chapters) AS n (id, amount, chapter)
    JOIN characters c ON c.id = n.id
    JOIN listings l ON l.character_id = c.id
    WHERE n.amount IS DISTINCT FROM c.bounty AND NOT EXISTS (
        SELECT FROM bounty_events e
        WHERE e.character_id = n.id AND e.withdrawn_at IS NULL AND e.chapter > n.chapter AND e.effective_at <= p_at
    )
    ORDER BY c.name
$$;
GRANT EXECUTE ON FUNCTION bounty_moves(integer[], bigint[], integer[], timestamptz) TO market_app;
