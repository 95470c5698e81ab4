-- Before anything else: market_system may own functions here, and nobody may execute a function he was not given.
-- market_owner owns the database and with it schema public. Returns nothing.
GRANT USAGE ON SCHEMA public TO market_app, market_system;
GRANT CREATE ON SCHEMA public TO market_system;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM public;
