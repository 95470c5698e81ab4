-- The staff's work list: characters who were deactivated, by name.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_characters_inactive ON characters (name) WHERE is_active = false;
