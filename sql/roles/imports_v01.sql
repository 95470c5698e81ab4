-- Imports are recorded by the site, which also ends them; nobody but the owner deletes one.
GRANT SELECT, INSERT ON imports TO market_app;
GRANT UPDATE (state, content, problems) ON imports TO market_app;
