-- Full text: words of name, aliases, epithet, crew and description.
-- The table is new and empty here: nobody waits.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_characters_search ON characters USING gin (search);
