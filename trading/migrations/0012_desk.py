"""What staff may do with the market, and that pages hear of it."""

from django.db import migrations

import sql

DROP = "".join(
    f"DROP TRIGGER trigger_note_{what}_market_rules ON market_rules;" for what in ("new", "changed", "gone", "truncated")
)


class Migration(migrations.Migration):
    """Replay sql/."""

    dependencies = [("trading", "0011_worker"), ("characters", "0013_news"), ("caching", "0001_outbox")]

    operations = [
        migrations.AlterModelOptions(
            "marketrules",
            {
                "default_permissions": ("view", "change"),
                "permissions": (
                    ("run_market", "Can halt and open the market and its characters"),
                    ("delist_character", "Can take a character off the market"),
                ),
                "verbose_name": "market",
                "verbose_name_plural": "market",
            },
        ),
        sql.create("triggers/market_rules_stale", drop=DROP),
    ]
