-- Keyset pages by price, in either direction: ends in the id, as that of the market cap.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_characters_price_page ON characters (current_price, id)
WHERE is_active AND is_tradeable;
