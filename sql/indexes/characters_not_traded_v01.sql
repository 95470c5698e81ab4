-- The staff's work list: characters who are not traded, by name.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_characters_not_traded ON characters (name) WHERE is_tradeable = false;
