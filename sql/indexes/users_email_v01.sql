-- An e-mail address, in any case, belongs to one user; empty means none.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_email_key ON users (upper(email)) WHERE NOT email = '';
