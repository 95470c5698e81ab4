-- The price in berries of a fundamental value under net votes (demand - baseline, micro-votes): F * e^G, rounded to 0.01, at
-- least 10.00.
CREATE FUNCTION market_price(p_fundamental numeric, p_votes bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT greatest(10.00, round((p_fundamental::double precision * exp(demand_part(p_votes)))::numeric, 2))
$$;
GRANT EXECUTE ON FUNCTION market_price(numeric, bigint) TO market_app, market_system;
