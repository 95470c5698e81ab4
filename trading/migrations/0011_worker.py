"""The rule of whose votes count is one function, which the worker asks about all accounts at once."""

from django.db import migrations

import sql


class Migration(migrations.Migration):
    """Replay sql/."""

    dependencies = [("trading", "0010_market_checks")]

    operations = [
        sql.create("functions/eligibility_at", drop="DROP FUNCTION eligibility_at;"),
        sql.replace("functions/count_account_at", version=2),
    ]
