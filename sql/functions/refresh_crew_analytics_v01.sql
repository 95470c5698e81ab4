-- Recompute crew_analytics without blocking its readers, note when, and note in cache_outbox what that makes stale: a
-- materialized view fires no trigger. Returns its rows. For market_owner, who owns the view. Waits for another refresh to end.
CREATE FUNCTION refresh_crew_analytics() RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY crew_analytics;
    EXECUTE format('COMMENT ON MATERIALIZED VIEW crew_analytics IS %L', now());
    INSERT INTO cache_outbox (kind) VALUES ('crew_analytics');
    RETURN (SELECT count(*) FROM crew_analytics);
END;
$$;
REVOKE EXECUTE ON FUNCTION refresh_crew_analytics() FROM public;
