-- Note every write of listings in cache_outbox, whoever writes.
CREATE TRIGGER trigger_note_new_listings
AFTER INSERT ON listings
REFERENCING NEW TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('character', 'character_id');

CREATE TRIGGER trigger_note_changed_listings
AFTER UPDATE ON listings
REFERENCING NEW TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('character', 'character_id');

CREATE TRIGGER trigger_note_gone_listings
AFTER DELETE ON listings
REFERENCING OLD TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('character', 'character_id');

CREATE TRIGGER trigger_note_truncated_listings
AFTER TRUNCATE ON listings
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('character', 'character_id');
