-- The staff's work list: characters without a crew, by name.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_characters_no_crew ON characters (name) WHERE crew_id IS NULL;
