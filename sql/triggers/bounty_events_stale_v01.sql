-- Note every write of bounty_events in cache_outbox, whoever writes. An entry may move to another character: then both are told.
CREATE TRIGGER trigger_note_new_bounty_events
AFTER INSERT ON bounty_events
REFERENCING NEW TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('character', 'character_id');

CREATE TRIGGER trigger_note_changed_bounty_events
AFTER UPDATE ON bounty_events
REFERENCING NEW TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('character', 'character_id');

CREATE TRIGGER trigger_note_left_bounty_events
AFTER UPDATE ON bounty_events
REFERENCING OLD TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('character', 'character_id');

CREATE TRIGGER trigger_note_gone_bounty_events
AFTER DELETE ON bounty_events
REFERENCING OLD TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('character', 'character_id');

CREATE TRIGGER trigger_note_truncated_bounty_events
AFTER TRUNCATE ON bounty_events
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('character', 'character_id');
