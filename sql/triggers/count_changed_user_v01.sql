-- Count an account by what its user became, whoever writes.
CREATE TRIGGER trigger_count_changed_user
AFTER UPDATE OF is_staff, is_active, is_guest ON users
FOR EACH ROW WHEN ((old.is_staff, old.is_active, old.is_guest) IS DISTINCT FROM (new.is_staff, new.is_active, new.is_guest))
EXECUTE FUNCTION count_changed_user();
