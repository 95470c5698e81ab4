-- Note every write of crews in cache_outbox, whoever writes.
CREATE TRIGGER trigger_note_new_crews
AFTER INSERT ON crews
REFERENCING NEW TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('crew', 'id');

CREATE TRIGGER trigger_note_changed_crews
AFTER UPDATE ON crews
REFERENCING NEW TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('crew', 'id');

CREATE TRIGGER trigger_note_gone_crews
AFTER DELETE ON crews
REFERENCING OLD TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('crew', 'id');

CREATE TRIGGER trigger_note_truncated_crews
AFTER TRUNCATE ON crews
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('crew', 'id');
