-- The staff's work list: bounties whose chapter is to be confirmed.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_bounty_events_unconfirmed ON bounty_events (character_id) WHERE chapter IS NULL;
