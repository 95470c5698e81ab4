-- The fundamental value of a bounty in berries: max(10, 0.05 * sqrt(bounty)), 25 where none is known.
-- Capped at 3,000,000: three times as much, times 1,000,000 shares, still fits market_cap numeric(15,2).
CREATE FUNCTION bounty_fundamental(p_bounty bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN p_bounty IS NULL THEN 25.00
        ELSE least(greatest(10.00, round(0.05 * sqrt(p_bounty::numeric), 2)), 3000000.00) END
$$;
GRANT EXECUTE ON FUNCTION bounty_fundamental(bigint) TO market_app, market_system;
