-- Django's own tables: sessions and the admin's log are written by the site; groups and permissions by staff in the admin.
GRANT SELECT, INSERT, UPDATE, DELETE ON django_session, django_admin_log TO market_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON auth_group, auth_group_permissions, users_groups, users_user_permissions TO market_app;
GRANT SELECT ON django_content_type, auth_permission, django_migrations TO market_app;
