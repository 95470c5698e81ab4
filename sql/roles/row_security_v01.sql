-- Row-level security on every per-user table: the site sees the bound user's rows, the owner may read all for audits.
-- FORCE: without it the owner is exempt. The sub-select is evaluated once a query, not once a row.
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON accounts TO market_app USING (user_id = (SELECT market_user_id()));
CREATE POLICY audit ON accounts FOR SELECT TO market_owner USING (true);

ALTER TABLE holdings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON holdings TO market_app USING (user_id = (SELECT market_user_id()));
CREATE POLICY audit ON holdings FOR SELECT TO market_owner USING (true);

ALTER TABLE ledger_entries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON ledger_entries TO market_app USING (user_id = (SELECT market_user_id()));
CREATE POLICY audit ON ledger_entries FOR SELECT TO market_owner USING (true);

ALTER TABLE order_flow ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY audit ON order_flow FOR SELECT TO market_owner USING (true);

ALTER TABLE watches ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON watches TO market_app USING (user_id = (SELECT market_user_id()));
CREATE POLICY audit ON watches FOR SELECT TO market_owner USING (true);
