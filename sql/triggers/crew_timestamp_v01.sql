-- Keep crews.updated_at true for every writer.
CREATE TRIGGER trigger_update_crew_timestamp
BEFORE UPDATE ON crews
FOR EACH ROW EXECUTE FUNCTION update_character_timestamp();
