"""Accounts that are closed: nothing moves on them, and nobody sees them on the leaderboard."""

from django.db import migrations, models

import sql


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0005_login_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="closed_at",
            field=models.DateTimeField(null=True),
        ),
        sql.replace("functions/execute_trade", version=2),
        sql.replace("functions/leaderboard", version=2),
        sql.create("functions/close_account", drop="DROP FUNCTION close_account;"),
    ]
