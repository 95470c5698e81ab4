-- Misspelt names: trigrams of all names in search form. Serves  'zollo' <% names.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_characters_spelling ON characters USING gin (names gin_trgm_ops);
