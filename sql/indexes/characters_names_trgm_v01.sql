-- Misspelt names: trigrams of name, aliases and epithet. Serves  'zollo' <% character_names(name, aliases, epithet).
-- The table is new and empty here: nobody waits.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_characters_names_trgm ON characters
USING gin (character_names(name, aliases, epithet) gin_trgm_ops);
