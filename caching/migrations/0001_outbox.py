"""The outbox: what was written and not yet told to the cache."""

import django.contrib.postgres.functions
from django.db import migrations, models

import sql


def note(table: str, *more: str) -> migrations.RunSQL:
    """Return the operation that makes the triggers of one table."""
    names = [f"trigger_note_{what}_{table}" for what in ("new", "changed", *more, "gone", "truncated")]
    return sql.create(f"triggers/{table}_stale", drop=" ".join(f"DROP TRIGGER {name} ON {table};" for name in names))


class Migration(migrations.Migration):
    """Replay sql/."""

    initial = True
    dependencies = [("crews", "0003_changes"), ("characters", "0010_latecomers"), ("trading", "0007_recovery")]

    operations = [
        migrations.CreateModel(
            name="Outbox",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=20)),
                ("row_id", models.IntegerField(null=True)),
                ("at", models.DateTimeField(db_default=django.contrib.postgres.functions.TransactionNow())),
            ],
            options={"db_table": "cache_outbox", "default_permissions": ()},
        ),
        sql.create("roles/cache_outbox", drop="REVOKE ALL ON cache_outbox FROM market_system;"),
        sql.create("functions/note_stale", drop="DROP FUNCTION note_stale;"),
        note("crews"),
        note("characters"),
        note("listings"),
        note("bounty_events", "left"),
        sql.create("functions/refresh_crew_analytics", drop="DROP FUNCTION refresh_crew_analytics;"),
    ]
