-- Price every new character, whoever inserts it.
CREATE TRIGGER trigger_price_new_character
BEFORE INSERT ON characters
FOR EACH ROW EXECUTE FUNCTION price_new_character();
