-- Changes are read by the site and written by the triggers alone; nobody rewrites them, their owner included.
GRANT SELECT ON changes TO market_app, market_system;
GRANT INSERT ON changes TO market_system;
REVOKE UPDATE, DELETE, TRUNCATE ON changes FROM market_owner;
