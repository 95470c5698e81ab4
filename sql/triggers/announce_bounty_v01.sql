-- Date an announced bounty, then stop trade in its character.
CREATE TRIGGER trigger_date_bounty
BEFORE INSERT ON bounty_events
FOR EACH ROW EXECUTE FUNCTION date_bounty();

CREATE TRIGGER trigger_announce_bounty
AFTER INSERT ON bounty_events
FOR EACH ROW EXECUTE FUNCTION announce_bounty();
