-- Make the roles, the database and the extensions of One Piece Market. Run by a superuser; running it again changes nothing.
--
--   psql -v ON_ERROR_STOP=1 -v app_password=… -v owner_password=… [-v database=onepiece_market] -f bootstrap.sql postgres
--
-- market_owner   owns and migrates every object, serves staff commands
-- market_app     serves the site: owns nothing, writes no money
-- market_system  owns the SECURITY DEFINER functions (execute_trade, …); nobody logs in as it
-- market_lab     owns schema lab, where experiments may break things
\if :{?database}
\else
  \set database onepiece_market
\endif

SELECT 'CREATE ROLE market_owner LOGIN CREATEDB' WHERE to_regrole('market_owner') IS NULL \gexec
SELECT 'CREATE ROLE market_app LOGIN' WHERE to_regrole('market_app') IS NULL \gexec
SELECT 'CREATE ROLE market_system NOLOGIN BYPASSRLS' WHERE to_regrole('market_system') IS NULL \gexec
SELECT 'CREATE ROLE market_lab NOLOGIN' WHERE to_regrole('market_lab') IS NULL \gexec
\if :{?owner_password}
  ALTER ROLE market_owner PASSWORD :'owner_password';
\endif
\if :{?app_password}
  ALTER ROLE market_app PASSWORD :'app_password';
\endif

-- The owner hands functions to market_system and tables to market_lab: that needs membership.
-- (Said only where it is not so already: GRANT warns when there is nothing to do.)
SELECT format('GRANT %I TO market_owner', r) FROM unnest(ARRAY['market_system', 'market_lab', 'pg_monitor']) r
WHERE NOT pg_has_role('market_owner', r, 'MEMBER') \gexec

-- Time-outs live on the role, so that they hold behind a pooler as well.
ALTER ROLE market_app SET statement_timeout = '5s';
ALTER ROLE market_app SET lock_timeout = '3s';
ALTER ROLE market_app SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE market_owner SET idle_in_transaction_session_timeout = '5min';
-- How alike a misspelt word must be: "zollo" and "zolo" are 0.57 alike, which pg_trgm's own 0.6 would miss.
ALTER ROLE market_app SET pg_trgm.word_similarity_threshold = 0.45;
ALTER ROLE market_owner SET pg_trgm.word_similarity_threshold = 0.45;

SELECT format('CREATE DATABASE %I OWNER market_owner ENCODING %L TEMPLATE template0', :'database', 'UTF8')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO market_app;

-- pg_stat_statements is not a trusted extension: a superuser makes it, in template1 for the test databases as well.
\set wanted :database
\connect template1
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
\connect :wanted
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
