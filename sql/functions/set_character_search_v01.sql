-- Keep characters.search: name and aliases weigh A, epithet and devil fruit B, crew C, description D.
-- Names are indexed as they are and stemmed, so that a query in either form meets them.
CREATE FUNCTION set_character_search() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_names text := NEW.name || ' ' || array_to_string(NEW.aliases, ' ');
    v_known_for text := NEW.epithet || ' ' || NEW.devil_fruit;
    v_crew text := coalesce((SELECT name FROM crews WHERE id = NEW.crew_id), '');
BEGIN
    NEW.search :=
        setweight(to_tsvector('simple', v_names), 'A') || setweight(to_tsvector('english', v_names), 'A')
        || setweight(to_tsvector('simple', v_known_for), 'B') || setweight(to_tsvector('english', v_known_for), 'B')
        || setweight(to_tsvector('simple', v_crew), 'C') || setweight(to_tsvector('english', v_crew), 'C')
        || setweight(to_tsvector('english', NEW.description), 'D');
    RETURN NEW;
END;
$$;
