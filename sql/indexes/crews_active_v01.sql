-- The module's partial index on crews: only the active ones.
-- The table is new and empty here: nobody waits.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_crews_active ON crews (is_active) WHERE is_active = true;
