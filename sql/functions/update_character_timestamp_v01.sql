-- Set updated_at on every UPDATE (the module's function and trigger). On crews as well.
CREATE FUNCTION update_character_timestamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$;
