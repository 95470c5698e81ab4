-- What holding so many shares weighs in a price, in micro-votes: kappa for full_vote shares or more, in proportion for fewer,
-- rounded down.
CREATE FUNCTION vote_of(p_quantity integer, p_full_vote integer, p_kappa integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT (p_kappa::bigint * least(p_quantity, p_full_vote) / p_full_vote)::integer $$;
GRANT EXECUTE ON FUNCTION vote_of(integer, integer, integer) TO market_app, market_system;
