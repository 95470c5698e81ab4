-- How the words of a text in search form sound: the consonants of each, those that romanisations swap as one, so that
-- "zolo", "zorro" and "zoro" are "sr", "kiado" and "kaido" "kd". Words of one or two letters and of other scripts have none.
CREATE FUNCTION search_sounds(p_form text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    v_text text := regexp_replace(p_form, '\S*[^a-z ]\S*|\m[a-z]{1,2}\M', '', 'g');
BEGIN
    v_text := regexp_replace(replace(v_text, 'ph', 'f'), 'm(?=[bp])', 'n', 'g');
    v_text := regexp_replace(v_text, 'sch|sh|t[sz]|c(?=[eiy])', 's', 'g');
    v_text := regexp_replace(v_text, 'dg|g(?=[eiy])', 'j', 'g');
    v_text := translate(regexp_replace(v_text, '\m[aeiouy]', '0', 'g'), 'lzcqvxaeiouyhw', 'rskkbk');
    v_text := regexp_replace(regexp_replace(v_text, '(\S)\1+', '\1', 'g'), '\m\S\M', '', 'g');
    RETURN array_remove(string_to_array(v_text, ' '), '');
END;
$$;
GRANT EXECUTE ON FUNCTION search_sounds(text) TO market_app, market_system;
