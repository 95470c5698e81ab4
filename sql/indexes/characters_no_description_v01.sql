-- The staff's work list: characters without a description, by name.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_characters_no_description ON characters (name) WHERE description = '';
