-- Misspelt names: trigrams of name, aliases and epithet. Serves  'zollo' <% character_names(name, aliases, epithet).
CREATE INDEX idx_characters_names_trgm ON characters
USING gin (character_names(name, aliases, epithet) gin_trgm_ops);
