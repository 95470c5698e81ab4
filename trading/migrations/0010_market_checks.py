"""The checks of the market that moves hold for the rows that were there before."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("trading", "0009_market")]

    operations = [
        ValidateConstraint("ledgerentry", "ledger_entries_kind_check"),
        migrations.RunSQL("ALTER TABLE ledger_entries VALIDATE CONSTRAINT ledger_entries_sum_check", migrations.RunSQL.noop),
        ValidateConstraint("marketrules", "market_rules_breaker_check"),
        ValidateConstraint("marketrules", "market_rules_days_check"),
    ]
