-- Recovery codes: the site sees and writes the bound user's; of a code only its use may be noted afterwards.
GRANT SELECT, INSERT, DELETE ON recovery_codes TO market_app;
GRANT UPDATE (used_at) ON recovery_codes TO market_app;
ALTER TABLE recovery_codes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON recovery_codes TO market_app USING (user_id = (SELECT market_user_id()));
CREATE POLICY audit ON recovery_codes FOR SELECT TO market_owner USING (true);
