-- The form in which texts are searched: lower case, without accents, width and apostrophes, hiragana as katakana, words
-- parted by one space (の parts Japanese ones). IMMUTABLE: what is stored and what is typed go through it alike. The signs
-- that part words are listed, not asked of the locale: a database in "C" must not lose Japanese.
CREATE FUNCTION search_form(p_text text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    v_text text := lower(normalize(regexp_replace(normalize(p_text, NFKD), '[\u0300-\u036f''’‘`´]', '', 'g'), NFKC));
BEGIN
    IF v_text ~ '[ぁ-ん]' THEN
        v_text := translate(
            v_text,
            'のぁあぃいぅうぇえぉおかがきぎくぐけげこごさざしじすずせぜそぞただちぢっつづてでとどなにぬねはばぱひびぴふぶぷへべぺほぼぽまみむめもゃやゅゆょよらりるれろわをん',
            ' ァアィイゥウェエォオカガキギクグケゲコゴサザシジスズセゼソゾタダチヂッツヅテデトドナニヌネハバパヒビピフブプヘベペホボポマミムメモャヤュユョヨラリルレロワヲン'
        );
    END IF;
    RETURN btrim(regexp_replace(
        v_text, '[\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u206f\u3000-\u3004\u3008-\u3020\u30a0\u30fb]+', ' ', 'g'
    ));
END;
$$;
GRANT EXECUTE ON FUNCTION search_form(text) TO market_app, market_system;
