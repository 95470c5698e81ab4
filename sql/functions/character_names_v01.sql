-- All that a character is called, as one lower-case text. IMMUTABLE, so that it can be indexed:
-- array_to_string is only STABLE because of other element types; for text it depends on nothing.
CREATE FUNCTION character_names(p_name text, p_aliases text[], p_epithet text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT lower(p_name || ' ' || array_to_string(p_aliases, ' ') || ' ' || p_epithet) $$;
GRANT EXECUTE ON FUNCTION character_names(text, text[], text) TO market_app, market_system;
