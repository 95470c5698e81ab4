-- How many shares are a full vote at this fundamental value: max(1, floor(5000 / F)).
CREATE FUNCTION full_vote(p_fundamental numeric) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT greatest(1, floor(5000 / p_fundamental))::integer $$;
GRANT EXECUTE ON FUNCTION full_vote(numeric) TO market_app, market_system;
