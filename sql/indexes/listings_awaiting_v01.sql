-- Listings that await news of a bounty: the tick looks for them each time, and there are few.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_listings_awaiting ON listings (character_id) WHERE awaits_bounty;
