-- Record every change of characters in what staff write, whoever writes it; a new price or market cap records nothing.
CREATE TRIGGER trigger_record_character_change
AFTER UPDATE OF
name, crew_id, crew_chapter, epithet, epithet_chapter, aliases, terms, devil_fruit, devil_fruit_chapter, bounty,
first_chapter, description, image_url, is_active, is_tradeable
ON characters
FOR EACH ROW WHEN (
    (
        old.name, old.crew_id, old.crew_chapter, old.epithet, old.epithet_chapter, old.aliases, old.terms,
        old.devil_fruit, old.devil_fruit_chapter, old.bounty, old.first_chapter, old.description, old.image_url,
        old.is_active, old.is_tradeable
    ) IS DISTINCT FROM (
        new.name, new.crew_id, new.crew_chapter, new.epithet, new.epithet_chapter, new.aliases, new.terms,
        new.devil_fruit, new.devil_fruit_chapter, new.bounty, new.first_chapter, new.description, new.image_url,
        new.is_active, new.is_tradeable
    )
)
EXECUTE FUNCTION record_change(
    'name', 'crew_id', 'crew_chapter', 'epithet', 'epithet_chapter', 'aliases', 'terms', 'devil_fruit',
    'devil_fruit_chapter', 'bounty', 'first_chapter', 'description', 'image_url', 'is_active', 'is_tradeable'
);

CREATE TRIGGER trigger_record_new_characters
AFTER INSERT ON characters
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION record_new();

CREATE TRIGGER trigger_record_gone_characters
AFTER DELETE ON characters
REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION record_gone();
