-- The day (UTC) on which a user was here last. Whoever is in the table already was here today. The default is evaluated once
-- for them, because it is STABLE: the table is not rewritten.
-- squawk-ignore adding-field-with-default
ALTER TABLE users ADD COLUMN last_seen date DEFAULT ((now() AT TIME ZONE 'UTC')::date) NOT NULL;
