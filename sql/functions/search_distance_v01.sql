-- How far the words of one text in search form are from the nearest words of another: 0 the same, 1 nothing in common. The
-- edits that each word takes, by its length, on average.
CREATE FUNCTION search_distance(p_form text, p_names text) RETURNS real
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT avg(nearest)::real
    FROM (
        SELECT min(levenshtein(word, called)::real / greatest(length(word), length(called))) AS nearest
        FROM string_to_table(p_form, ' ') WITH ORDINALITY AS typed (word, n), string_to_table(p_names, ' ') AS called
        GROUP BY n
    ) AS words
$$;
GRANT EXECUTE ON FUNCTION search_distance(text, text) TO market_app, market_system;
