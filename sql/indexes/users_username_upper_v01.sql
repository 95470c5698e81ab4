-- Names in any case: what logging in and the check of a new name look up.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_users_username_upper ON users (upper(username));
