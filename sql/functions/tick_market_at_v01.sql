-- The tick: consume order_flow, apply due news of bounties, and publish new prices at this time. One transaction, all or nothing.
--
-- What moved: demand += the votes consumed; a listing that awaits news gets the fundamental value of the bounty that its events
--   tell by now (bounty_told), and trades again unless more news is to come. Price: market_price. A row of price_ticks where
--   votes, fundamental value or price changed; characters' price, cap, change in 7 days and sentiment with it.
-- Circuit breaker: demand that bent a price by more than market_rules.breaker since 24 hours ago (or since it last cooled, if
--   that was later) stops trade in the character for market_rules.cooling.
-- Returns json: code (ok, busy: another tick runs, in_the_past: a later one was there), ticked_at, flow_rows, news, moved and
--   cooled (ids of characters).
-- Locks: the tick's advisory lock, then the rows of characters concerned in id order, then their listings. Rows of order_flow
--   that commit meanwhile stay for the next tick: nothing is remembered, so nothing is lost.
CREATE FUNCTION tick_market_at(p_now timestamptz) RETURNS json LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_started timestamptz := clock_timestamp();
    v_rules market_rules;
    v_flow_rows integer;
    v_ids integer[];
    v_votes bigint[];
    v_concerned integer[];
    v_news integer;
    v_moved integer[];
    v_cooled integer[];
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('tick_market')) THEN
        RETURN json_build_object('code', 'busy');
    END IF;
    IF p_now <= (SELECT max(ticked_at) FROM market_ticks) THEN
        RETURN json_build_object('code', 'in_the_past', 'ticked_at', p_now);
    END IF;
    SELECT * INTO v_rules FROM market_rules;

    WITH consumed AS (
        DELETE FROM order_flow RETURNING character_id, votes
    ), flow AS (
        SELECT character_id, sum(votes)::bigint AS votes, count(*) AS rows FROM consumed GROUP BY character_id
    )
    SELECT coalesce(sum(rows), 0), coalesce(array_agg(character_id), '{}'), coalesce(array_agg(votes), '{}')
    INTO v_flow_rows, v_ids, v_votes FROM flow;
    v_concerned := v_ids || ARRAY(SELECT character_id FROM listings WHERE awaits_bounty AND character_id <> ALL (v_ids));
    PERFORM FROM characters WHERE id = ANY (v_concerned) ORDER BY id FOR NO KEY UPDATE;

    WITH due AS (
        UPDATE bounty_events SET applied_at = p_now
        WHERE applied_at IS NULL AND withdrawn_at IS NULL AND effective_at <= p_now
            AND character_id = ANY (v_concerned)
        RETURNING character_id
    )
    SELECT count(*) INTO v_news FROM due;

    WITH next AS (
        SELECT l.character_id, l.baseline, l.shares_outstanding, l.awaits_bounty, l.fundamental AS was_worth,
            coalesce(f.votes, 0) AS votes, l.demand + coalesce(f.votes, 0) AS demand, b.bounty,
            CASE WHEN l.awaits_bounty AND b.bounty IS DISTINCT FROM c.bounty THEN bounty_fundamental(b.bounty) ELSE l.fundamental END
                AS fundamental,
            c.current_price AS was_price,
            greatest(p_now - interval '24 hours', l.cools_until) AS since,
            (l.cools_until > p_now) IS TRUE AS cools
        FROM listings l
        JOIN characters c ON c.id = l.character_id
        LEFT JOIN unnest(v_ids, v_votes) AS f (character_id, votes) ON f.character_id = l.character_id
        LEFT JOIN LATERAL (SELECT bounty_told(c.id, p_now) AS bounty WHERE l.awaits_bounty) AS b ON true
        WHERE l.character_id = ANY (v_concerned)
    ), priced AS (
        SELECT n.*, market_price(n.fundamental, n.demand - n.baseline) AS price,
            n.votes <> 0 AND NOT n.cools
            AND abs(demand_part(n.demand - n.baseline) - demand_part(coalesce((
                SELECT t.demand FROM price_ticks t
                WHERE t.character_id = n.character_id AND t.ticked_at <= n.since ORDER BY t.ticked_at DESC LIMIT 1
            ), n.baseline) - n.baseline)) > v_rules.breaker AS trips
        FROM next n
    ), listed AS (
        UPDATE listings l
        SET demand = p.demand, fundamental = p.fundamental,
            cools_until = CASE WHEN p.trips THEN p_now + v_rules.cooling ELSE l.cools_until END,
            awaits_bounty = p.awaits_bounty AND EXISTS (
                SELECT FROM bounty_events e
                WHERE e.character_id = p.character_id AND e.withdrawn_at IS NULL AND e.effective_at > p_now
            )
        FROM priced p
        WHERE l.character_id = p.character_id
    ), published AS (
        INSERT INTO price_ticks (character_id, ticked_at, price, fundamental, demand, votes)
        SELECT character_id, p_now, price, fundamental, demand, votes FROM priced
        WHERE votes <> 0 OR fundamental <> was_worth OR price <> was_price
    ), shown AS (
        UPDATE characters c
        SET bounty = CASE WHEN p.awaits_bounty THEN p.bounty ELSE c.bounty END,
            current_price = p.price, market_cap = p.price * p.shares_outstanding,
            weekly_change = change_since(p.character_id, p.price, p_now - interval '7 days'),
            sentiment_score = demand_part(p.demand - p.baseline) / ln(3.0::double precision)
        FROM priced p
        WHERE c.id = p.character_id
            AND (p.price <> p.was_price OR p.votes <> 0 OR (p.awaits_bounty AND p.bounty IS DISTINCT FROM c.bounty))
    )
    SELECT coalesce(array_agg(character_id) FILTER (WHERE price <> was_price), '{}'),
        coalesce(array_agg(character_id) FILTER (WHERE trips), '{}')
    INTO v_moved, v_cooled FROM priced;
    UPDATE listings SET news_by = NULL WHERE news_by IS NOT NULL AND NOT awaits_bounty AND character_id = ANY (v_concerned);

    INSERT INTO market_ticks (ticked_at, flow_rows, moved, news, took_ms)
    VALUES (p_now, v_flow_rows, cardinality(v_moved), v_news, extract(epoch FROM clock_timestamp() - v_started) * 1000);
    RETURN json_build_object('code', 'ok', 'ticked_at', p_now, 'flow_rows', v_flow_rows, 'news', v_news,
        'moved', v_moved, 'cooled', v_cooled);
END;
$$;
ALTER FUNCTION tick_market_at(timestamptz) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION tick_market_at(timestamptz) TO market_owner;
