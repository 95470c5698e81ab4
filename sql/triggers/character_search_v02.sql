-- Only a change of what is searched costs a new search column; a new price does not.
CREATE OR REPLACE TRIGGER trigger_character_search
BEFORE INSERT OR UPDATE OF name, aliases, epithet, devil_fruit, terms, crew_id, description ON characters
FOR EACH ROW EXECUTE FUNCTION set_character_search();
