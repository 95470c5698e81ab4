-- Keep characters.updated_at true for every writer (the module's trigger).
CREATE TRIGGER trigger_update_character_timestamp
BEFORE UPDATE ON characters
FOR EACH ROW EXECUTE FUNCTION update_character_timestamp();
