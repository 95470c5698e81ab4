"""Indexes of users, built beside the running site."""

from django.db import migrations, models
from django.db.models.functions import Upper

import sql

NAMES = ("idx_users_username_upper", "idx_users_guests_last_seen", "users_email_key")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("trading", "0004_logins"),
    ]

    operations = [
        # An attempt that was interrupted leaves an invalid index, which IF NOT EXISTS would take for the real one.
        *(migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {name};", "") for name in NAMES),
        sql.create(
            "indexes/users_username_upper",
            drop="DROP INDEX CONCURRENTLY IF EXISTS idx_users_username_upper;",
            state=[
                migrations.AddIndex(
                    model_name="user",
                    index=models.Index(Upper("username"), name="idx_users_username_upper"),
                ),
            ],
        ),
        sql.create(
            "indexes/users_guests_last_seen",
            drop="DROP INDEX CONCURRENTLY IF EXISTS idx_users_guests_last_seen;",
            state=[
                migrations.AddIndex(
                    model_name="user",
                    index=models.Index(
                        fields=["last_seen"], condition=models.Q(is_guest=True), name="idx_users_guests_last_seen"
                    ),
                ),
            ],
        ),
        sql.create(
            "indexes/users_email",
            drop="DROP INDEX CONCURRENTLY IF EXISTS users_email_key;",
            state=[
                migrations.AddConstraint(
                    model_name="user",
                    constraint=models.UniqueConstraint(
                        Upper("email"),
                        condition=~models.Q(email=""),
                        name="users_email_key",
                        violation_error_message="Another account has this e-mail address.",
                    ),
                ),
            ],
        ),
    ]
