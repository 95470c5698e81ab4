-- Who may read and write what. market_app writes no money, bounty, fundamental value or price; the ledger is append-only
-- for everybody, its owner included.
GRANT SELECT ON crews, characters, listings, bounty_events, market_rules, users TO market_app;
GRANT SELECT ON accounts, holdings, ledger_entries, watches TO market_app;

GRANT INSERT, DELETE ON crews, characters, users TO market_app;
GRANT UPDATE (name, captain, description, founded_date, is_active) ON crews TO market_app;
GRANT UPDATE (
    name, crew_id, description, image_url, is_active, is_tradeable, epithet, aliases, devil_fruit,
    first_chapter
) ON characters TO market_app;
GRANT UPDATE ON users TO market_app;
GRANT INSERT ON bounty_events TO market_app;
GRANT INSERT, DELETE ON watches TO market_app;

GRANT SELECT ON characters, listings, bounty_events, market_rules, users, crews TO market_system;
GRANT SELECT, INSERT, UPDATE ON accounts TO market_system;
GRANT SELECT, INSERT, UPDATE, DELETE ON holdings TO market_system;
GRANT SELECT, INSERT ON ledger_entries TO market_system;
GRANT SELECT, INSERT, DELETE ON order_flow TO market_system;
GRANT INSERT, UPDATE ON listings TO market_system;
GRANT INSERT ON bounty_events TO market_system;
GRANT UPDATE (bounty, current_price, market_cap, weekly_change, sentiment_score) ON characters TO market_system;

REVOKE UPDATE, DELETE, TRUNCATE ON ledger_entries FROM market_owner;
