-- The tick writes prices and the bounties that it applies; staff open and halt the market as market_owner.
GRANT SELECT, INSERT ON price_ticks, market_ticks TO market_system;
GRANT UPDATE (applied_at) ON bounty_events TO market_system;
GRANT UPDATE (is_tradeable) ON characters TO market_system;
GRANT SELECT ON market_ticks TO market_app;
