-- Who is in the ledger cannot be deleted.
CREATE TRIGGER trigger_refuse_deleting_trader
BEFORE DELETE ON users
FOR EACH ROW EXECUTE FUNCTION refuse_deleting_trader();
