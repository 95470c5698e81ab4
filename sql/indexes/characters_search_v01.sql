-- Full text: words of name, aliases, epithet, crew and description.
CREATE INDEX idx_characters_search ON characters USING gin (search);
