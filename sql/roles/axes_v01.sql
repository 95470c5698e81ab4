-- django-axes' tables: the site counts failed logins, and forgets them. Nothing is written to the two logs.
GRANT SELECT, INSERT, UPDATE, DELETE ON axes_accessattempt, axes_accessattemptexpiration TO market_app;
