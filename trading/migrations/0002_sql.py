"""The functions that move money, row-level security, and who may do what."""

from django.db import migrations

import sql


class Migration(migrations.Migration):
    """Replay sql/. Django's own tables come first: their privileges are granted here."""

    dependencies = [
        ("trading", "0001_initial"),
        ("characters", "0002_sql"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        sql.create(
            "tables/market_rules",
            drop="DELETE FROM market_rules; ALTER TABLE market_rules DROP CONSTRAINT one_account_could_pump_the_price;",
        ),
        sql.create(
            "tables/ledger_entries",
            drop="ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_user_id_fkey, DROP CONSTRAINT ledger_entries_sum_check;",
        ),
        sql.create("functions/market_user_id", drop="DROP FUNCTION market_user_id;"),
        sql.create(
            "roles/grants",
            drop="REVOKE ALL ON crews, characters, listings, bounty_events, market_rules, users, accounts, holdings,"
            " ledger_entries, order_flow, watches FROM market_app, market_system;"
            "GRANT ALL ON ledger_entries TO market_owner;",
        ),
        sql.create(
            "roles/django",
            drop="REVOKE ALL ON django_session, django_admin_log, auth_group, auth_group_permissions, users_groups,"
            " users_user_permissions, django_content_type, auth_permission, django_migrations FROM market_app;",
        ),
        sql.create(
            "roles/row_security",
            drop="".join(
                f"DROP POLICY IF EXISTS own ON {table}; DROP POLICY audit ON {table};"
                f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;"
                for table in ("accounts", "holdings", "ledger_entries", "order_flow", "watches")
            ),
        ),
        sql.create("functions/trade_answer", drop="DROP FUNCTION trade_answer;"),
        sql.create("functions/open_account", drop="DROP FUNCTION open_account;"),
        sql.create("functions/execute_trade", drop="DROP FUNCTION execute_trade;"),
        sql.create(
            "functions/position_of",
            drop="DROP AGGREGATE position_of(text, integer, numeric); DROP FUNCTION add_to_position;",
        ),
        sql.create(
            "functions/rebuild_projections",
            drop="DROP FUNCTION rebuild_projections; DROP SCHEMA IF EXISTS rebuilt CASCADE;",
        ),
        sql.create("functions/apply_projections", drop="DROP FUNCTION apply_projections;"),
        sql.create("functions/leaderboard", drop="DROP FUNCTION leaderboard;"),
        sql.create("functions/refuse_deleting_held", drop="DROP FUNCTION refuse_deleting_held;"),
        sql.create("triggers/refuse_deleting_held", drop="DROP TRIGGER trigger_refuse_deleting_held ON characters;"),
        sql.create("functions/refuse_deleting_trader", drop="DROP FUNCTION refuse_deleting_trader;"),
        sql.create("triggers/refuse_deleting_trader", drop="DROP TRIGGER trigger_refuse_deleting_trader ON users;"),
    ]
