-- Keyset pages by market cap: ends in the id, so that a page in the middle of equal caps begins where it should.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_characters_cap_page ON characters (market_cap DESC, id DESC)
WHERE is_active AND is_tradeable;
