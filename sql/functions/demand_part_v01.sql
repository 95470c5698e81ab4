-- How far demand bends a price: G of the price rule, B * tanh(x / B) with B = ln 3, of net votes in micro-votes. A natural
-- logarithm: 0.40 is a price 1.49 times as high. Demand alone at most triples or thirds a price.
CREATE FUNCTION demand_part(p_votes bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ln(3.0::double precision) * tanh(p_votes / 1000000.0::double precision / ln(3.0::double precision)) $$;
GRANT EXECUTE ON FUNCTION demand_part(bigint) TO market_app, market_system;
