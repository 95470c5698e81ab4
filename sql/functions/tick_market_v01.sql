-- Tick now: tick_market_at tells all of it. A clock that steps back does not stop the market.
CREATE FUNCTION tick_market() RETURNS json LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN tick_market_at(greatest(clock_timestamp(), (SELECT max(ticked_at) FROM market_ticks) + interval '1 microsecond'));
END;
$$;
ALTER FUNCTION tick_market() OWNER TO market_system;
GRANT EXECUTE ON FUNCTION tick_market() TO market_owner;
