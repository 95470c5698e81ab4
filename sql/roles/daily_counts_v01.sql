-- Who counts what an address did today: count_today alone. The site has no privilege on the counts.
GRANT SELECT, INSERT, UPDATE, DELETE ON daily_counts TO market_system;
