-- Before addresses were unique, staff could enter one twice: the older account keeps it. Nothing was sent to them so far.
UPDATE users SET email = ''
WHERE email <> '' AND EXISTS (SELECT FROM users older WHERE upper(older.email) = upper(users.email) AND older.id < users.id);
