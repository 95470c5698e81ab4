-- Apply an announced bounty at once.
CREATE TRIGGER trigger_apply_bounty_event
BEFORE INSERT ON bounty_events
FOR EACH ROW EXECUTE FUNCTION apply_bounty_event();
