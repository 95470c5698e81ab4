-- Guests by the day of their last visit: what the command that closes unused ones walks along.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_users_guests_last_seen ON users (last_seen) WHERE is_guest;
