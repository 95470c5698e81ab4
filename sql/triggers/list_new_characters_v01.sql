-- List every new character, once a statement: 100,000 rows cost one INSERT, not 100,000.
CREATE TRIGGER trigger_list_new_characters
AFTER INSERT ON characters
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION list_new_characters();
