"""A market that moves: votes that count, ticks that publish prices, and what staff can do about both."""

import datetime

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

import sql

KINDS = models.CheckConstraint(
    condition=models.Q(("kind__in", ("opening", "buy", "sell", "delisting"))), name="ledger_entries_kind_check"
)
DAYS = models.CheckConstraint(
    condition=models.Q(("min_account_days__gte", 0), ("min_trading_days__gte", 0)), name="market_rules_days_check"
)


class Migration(migrations.Migration):
    """Replay sql/."""

    dependencies = [("trading", "0008_standings"), ("characters", "0011_market")]

    operations = [
        migrations.CreateModel(
            name="MarketTick",
            fields=[
                ("ticked_at", models.DateTimeField(primary_key=True, serialize=False)),
                ("flow_rows", models.IntegerField()),
                ("moved", models.IntegerField()),
                ("news", models.IntegerField()),
                ("took_ms", models.FloatField()),
            ],
            options={"db_table": "market_ticks", "default_permissions": ()},
        ),
        migrations.AddField("account", "is_barred", models.BooleanField(db_default=False)),
        migrations.AddField("account", "is_counted", models.BooleanField(db_default=False)),
        migrations.AddField("marketrules", "breaker", models.FloatField(db_default=0.4)),
        migrations.AddField("marketrules", "cooling", models.DurationField(db_default=datetime.timedelta(seconds=3600))),
        migrations.AddField("marketrules", "halt_reason", models.CharField(blank=True, db_default="", max_length=200)),
        migrations.AddField("user", "is_simulated", models.BooleanField(db_default=False)),
        AddConstraintNotValid(
            "marketrules",
            models.CheckConstraint(condition=models.Q(("breaker__gt", 0)), name="market_rules_breaker_check"),
        ),
        AddConstraintNotValid("marketrules", DAYS),
        sql.create(
            "tables/ledger_entries_delisting",
            drop="ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_sum_check, DROP CONSTRAINT ledger_entries_kind_check,"
            " ADD CONSTRAINT ledger_entries_kind_check CHECK (kind IN ('opening', 'buy', 'sell'));"
            + sql.read("tables/ledger_entries").split("-- The ledger belongs")[0],
            state=[
                migrations.RemoveConstraint("ledgerentry", "ledger_entries_kind_check"),
                migrations.AddConstraint("ledgerentry", KINDS),
            ],
        ),
        sql.create(
            "tables/market",
            drop="DO $$ DECLARE r regclass; BEGIN FOR r IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'price_ticks'::regclass"
            " LOOP EXECUTE format('DROP TABLE %s', r); END LOOP; END $$;"
            "DROP INDEX idx_price_ticks_time; ALTER TABLE price_ticks DROP COLUMN votes;",
        ),
        sql.create(
            "roles/market",
            drop="REVOKE ALL ON market_ticks FROM market_app, market_system; REVOKE ALL ON price_ticks FROM market_system;"
            "REVOKE UPDATE (applied_at) ON bounty_events FROM market_system;"
            "REVOKE UPDATE (is_tradeable) ON characters FROM market_system;",
        ),
        sql.create("functions/execute_trade_at", drop="DROP FUNCTION execute_trade_at;"),
        sql.replace("functions/execute_trade", version=3),
        sql.create("functions/execute_trades_at", drop="DROP FUNCTION execute_trades_at;"),
        sql.create("functions/execute_trades", drop="DROP FUNCTION execute_trades;"),
        sql.create("functions/eligibility_at", drop="DROP FUNCTION eligibility_at;"),
        sql.create("functions/count_account_at", drop="DROP FUNCTION count_account_at;"),
        sql.create("functions/count_changed_user", drop="DROP FUNCTION count_changed_user;"),
        sql.create("triggers/count_changed_user", drop="DROP TRIGGER trigger_count_changed_user ON users;"),
        sql.create("functions/recount_votes", drop="DROP FUNCTION recount_votes;"),
        sql.create("triggers/recount_votes", drop="DROP TRIGGER trigger_recount_votes ON market_rules;"),
        sql.create("functions/open_account_at", drop="DROP FUNCTION open_account_at;"),
        sql.replace("functions/open_account", version=2),
        sql.replace("functions/close_account", version=2),
        sql.create("functions/tick_market_at", drop="DROP FUNCTION tick_market_at;"),
        sql.create("functions/tick_market", drop="DROP FUNCTION tick_market;"),
        sql.create("functions/delist_character", drop="DROP FUNCTION delist_character;"),
        sql.create("functions/ranked_traders", drop="DROP FUNCTION ranked_traders;"),
        sql.remove("functions/leaderboard", version=3, drop="-- squawk-ignore ban-drop-function\nDROP FUNCTION leaderboard;"),
    ]
