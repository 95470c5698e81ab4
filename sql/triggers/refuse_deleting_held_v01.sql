-- What is held cannot be deleted.
CREATE TRIGGER trigger_refuse_deleting_held
BEFORE DELETE ON characters
FOR EACH ROW EXECUTE FUNCTION refuse_deleting_held();
