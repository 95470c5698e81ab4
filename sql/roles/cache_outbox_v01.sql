-- The triggers write the outbox as market_system; the relay reads and empties it as its owner. The site has no privilege on it.
GRANT INSERT ON cache_outbox TO market_system;
