"""The leaderboard may be asked for all traders: the cache keeps them in a sorted set."""

from django.db import migrations

import sql


class Migration(migrations.Migration):
    """Replay sql/."""

    dependencies = [("trading", "0007_recovery")]

    operations = [sql.replace("functions/leaderboard", version=3)]
