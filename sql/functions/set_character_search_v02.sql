-- Keep what is searched of a character: `names`, all names in search form, for spellings; `search`, one tsvector of
--   =key, @key   the name, and each other name (alias, epithet), whole and without separators;
--   ~sound       how each word of a name sounds;
--   words        names weigh A, epithet, devil fruit and search terms B, crew C, description D, as they are and stemmed;
--                of names and crew also each two neighbours as one word: "strawhat".
-- Lexemes of the parser never begin with one of these signs. Loops, because a row costs a third of what queries cost.
CREATE OR REPLACE FUNCTION set_character_search() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_name text := search_form(NEW.name);
    v_known_for text := search_form(NEW.epithet || ' ' || NEW.devil_fruit || ' ' || NEW.terms);
    v_crew text := coalesce((SELECT search_form(name) FROM crews WHERE id = NEW.crew_id), '');
    v_keys text[] := ARRAY['=' || replace(v_name, ' ', '')];
    v_called text[] := ARRAY[v_crew, v_name];
    v_other text;
    v_words text[];
BEGIN
    NEW.names := v_name;
    FOREACH v_other IN ARRAY NEW.aliases || NEW.epithet LOOP
        v_other := search_form(v_other);
        IF v_other <> '' THEN
            NEW.names := NEW.names || ' ' || v_other;
            v_keys := v_keys || ('@' || replace(v_other, ' ', ''));
            v_called := v_called || v_other;
        END IF;
    END LOOP;
    FOREACH v_other IN ARRAY search_sounds(NEW.names) LOOP
        v_keys := v_keys || ('~' || v_other);
    END LOOP;
    FOREACH v_other IN ARRAY v_called LOOP
        v_words := string_to_array(v_other, ' ');
        FOR i IN 2 .. cardinality(v_words) LOOP
            v_keys := v_keys || (v_words[i - 1] || v_words[i]);
        END LOOP;
    END LOOP;
    NEW.search :=
        array_to_tsvector(v_keys)
        || setweight(to_tsvector('simple', NEW.names), 'A') || setweight(to_tsvector('english', NEW.names), 'A')
        || setweight(to_tsvector('simple', v_known_for), 'B') || setweight(to_tsvector('english', v_known_for), 'B')
        || setweight(to_tsvector('simple', v_crew), 'C') || setweight(to_tsvector('english', v_crew), 'C')
        || setweight(to_tsvector('english', NEW.description), 'D');
    RETURN NEW;
END;
$$;
