"""A market that moves: listings know when they await news or cool down, and news of a bounty waits for a tick."""

from django.db import migrations, models

import sql


class Migration(migrations.Migration):
    """Replay sql/."""

    dependencies = [("characters", "0010_latecomers")]

    operations = [
        migrations.CreateModel(
            name="PriceTick",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "character_id", "ticked_at", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("ticked_at", models.DateTimeField()),
                ("price", models.DecimalField(decimal_places=2, max_digits=10)),
                ("fundamental", models.DecimalField(decimal_places=2, max_digits=10)),
                ("demand", models.BigIntegerField()),
                ("votes", models.BigIntegerField()),
            ],
            options={"db_table": "price_ticks", "managed": False, "default_permissions": ()},
        ),
        migrations.AddField("listing", "awaits_bounty", models.BooleanField(db_default=False)),
        migrations.AddField("listing", "cools_until", models.DateTimeField(null=True)),
        migrations.AddField("listing", "listed_price", models.DecimalField(db_default=25, decimal_places=2, max_digits=10)),
        sql.create("functions/vote_of", drop="DROP FUNCTION vote_of;"),
        sql.create("functions/demand_part", drop="DROP FUNCTION demand_part;"),
        sql.create("functions/market_price", drop="DROP FUNCTION market_price;"),
        sql.create("functions/change_since", drop="DROP FUNCTION change_since;"),
        sql.create("functions/bounty_told", drop="DROP FUNCTION bounty_told;"),
        sql.remove("triggers/apply_bounty_event", version=1, drop="DROP TRIGGER trigger_apply_bounty_event ON bounty_events;"),
        sql.remove(
            "functions/apply_bounty_event",
            version=2,
            drop="-- squawk-ignore ban-drop-function\nDROP FUNCTION apply_bounty_event;",
        ),
        sql.create("functions/date_bounty", drop="DROP FUNCTION date_bounty;"),
        sql.create("functions/announce_bounty", drop="DROP FUNCTION announce_bounty;"),
        sql.create(
            "triggers/announce_bounty",
            drop="DROP TRIGGER trigger_date_bounty ON bounty_events; DROP TRIGGER trigger_announce_bounty ON bounty_events;",
        ),
        sql.create("functions/withdraw_bounty", drop="DROP FUNCTION withdraw_bounty;"),
        sql.replace("functions/restore_bounty", version=2),
        sql.remove("functions/move_bounty", version=1, drop="-- squawk-ignore ban-drop-function\nDROP FUNCTION move_bounty;"),
        sql.replace("functions/list_new_characters", version=2),
        sql.create("functions/make_price_partitions", drop="DROP FUNCTION make_price_partitions;"),
        sql.create("functions/refresh_weekly_changes", drop="DROP FUNCTION refresh_weekly_changes;"),
    ]
