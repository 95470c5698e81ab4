-- Note every write of the market's rules in cache_outbox, whoever writes: pages say whether the market is halted.
CREATE TRIGGER trigger_note_new_market_rules
AFTER INSERT ON market_rules
REFERENCING NEW TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('market', 'id');

CREATE TRIGGER trigger_note_changed_market_rules
AFTER UPDATE ON market_rules
REFERENCING NEW TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('market', 'id');

CREATE TRIGGER trigger_note_gone_market_rules
AFTER DELETE ON market_rules
REFERENCING OLD TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('market', 'id');

CREATE TRIGGER trigger_note_truncated_market_rules
AFTER TRUNCATE ON market_rules
FOR EACH STATEMENT EXECUTE FUNCTION note_stale('market', 'id');
