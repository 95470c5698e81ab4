-- The module's partial index on crews: only the active ones.
CREATE INDEX idx_crews_active ON crews (is_active) WHERE is_active = true;
