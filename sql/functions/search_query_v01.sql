-- What is typed, as a query of characters.search (see set_character_search): p_step is
--   'name' or 'exact'  the whole text is the name, or any of the names; separators do not matter;
--   'name start', 'any start'  the text begins the name, or any of the names;
--   'start'            that, or every word of it is one of a name (the last one may be a beginning);
--   'words'            every word, wherever it stands, stemmed or as it is (the last one may be a beginning);
--   'phrase'           every word, in this order and side by side;
--   'sound'            every word sounds like one of a name.
-- NULL: there is nothing to look for.
CREATE FUNCTION search_query(p_text text, p_step text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE p_step
        WHEN 'name' THEN format('''=%s''', key)
        WHEN 'exact' THEN format('''=%1$s'' | ''@%1$s''', key)
        WHEN 'name start' THEN format('''=%s'':*', key)
        WHEN 'any start' THEN format('''=%1$s'':* | ''@%1$s'':*', key)
        WHEN 'start' THEN format('''=%1$s'':* | ''@%1$s'':* | (''%2$s'':*A)', key, replace(form, ' ', ''':A & '''))
        WHEN 'words' THEN concat_ws(
            ' | ', format('(''%s'':*ABC)', replace(form, ' ', ''' & ''')), '(' || nullif(plainto_tsquery('english', form)::text, '') || ')'
        )
        WHEN 'phrase' THEN phraseto_tsquery('simple', form)::text
        WHEN 'sound' THEN '''~' || nullif(array_to_string(search_sounds(form), ''' & ''~'), '') || ''''
    END::tsquery
    FROM (SELECT search_form(p_text) AS form, replace(search_form(p_text), ' ', '') AS key) AS f
    WHERE form <> ''
$$;
GRANT EXECUTE ON FUNCTION search_query(text, text) TO market_app, market_system;
