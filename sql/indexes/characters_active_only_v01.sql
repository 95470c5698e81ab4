-- The module's partial index: the most wanted of those who can be traded.
-- The table is new and empty here: nobody waits.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_characters_active_only ON characters (bounty DESC) WHERE is_active = true AND is_tradeable = true;
