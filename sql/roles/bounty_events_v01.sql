-- restore_bounty withdraws news.
GRANT UPDATE (withdrawn_at) ON bounty_events TO market_system;
