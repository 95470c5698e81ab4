-- The staff's work list: characters of whom a fact lacks the chapter that told it, by name.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_characters_no_chapter ON characters (name) WHERE (
    first_chapter IS NULL
    OR (crew_chapter IS NULL AND crew_id IS NOT NULL)
    OR (devil_fruit > '' AND devil_fruit_chapter IS NULL)
    OR (epithet > '' AND epithet_chapter IS NULL)
);
