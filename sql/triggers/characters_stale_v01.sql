-- Note every write of characters in cache_outbox, whoever writes.
CREATE TRIGGER trigger_note_new_characters
AFTER INSERT ON characters
REFERENCING NEW TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('character', 'id');

CREATE TRIGGER trigger_note_changed_characters
AFTER UPDATE ON characters
REFERENCING NEW TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('character', 'id');

CREATE TRIGGER trigger_note_gone_characters
AFTER DELETE ON characters
REFERENCING OLD TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('character', 'id');

CREATE TRIGGER trigger_note_truncated_characters
AFTER TRUNCATE ON characters
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('character', 'id');
