-- Apply an announced bounty at once. What a new listing brings along is applied already.
CREATE TRIGGER trigger_apply_bounty_event
BEFORE INSERT ON bounty_events
FOR EACH ROW WHEN (new.applied_at IS NULL)
EXECUTE FUNCTION apply_bounty_event();
