-- Weigh all votes anew when kappa changes.
CREATE TRIGGER trigger_recount_votes
AFTER UPDATE OF kappa ON market_rules
FOR EACH ROW WHEN (old.kappa <> new.kappa)
EXECUTE FUNCTION recount_votes();
