-- What staff may write of a character's search terms and sources. `names` and `search` are the trigger's.
GRANT UPDATE (terms, crew_chapter, epithet_chapter, devil_fruit_chapter) ON characters TO market_app;
