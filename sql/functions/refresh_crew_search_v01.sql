-- A crew was renamed: its members are found under the new name. Locks the members' rows.
CREATE FUNCTION refresh_crew_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE characters SET crew_id = NEW.id WHERE crew_id = NEW.id;
    RETURN NULL;
END;
$$;
