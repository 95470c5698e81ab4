"""News of a bounty can be withdrawn; a chapter that is confirmed later moves nothing."""

from django.db import migrations, models

import sql


class Migration(migrations.Migration):
    """Replay sql/."""

    dependencies = [("characters", "0008_work_lists")]

    operations = [
        migrations.AddField("bountyevent", "withdrawn_at", models.DateTimeField(editable=False, null=True)),
        sql.create("roles/bounty_events", drop="REVOKE UPDATE (withdrawn_at) ON bounty_events FROM market_system;"),
        sql.create("functions/move_bounty", drop="DROP FUNCTION move_bounty;"),
        sql.replace("functions/apply_bounty_event", version=2),
        sql.create("functions/restore_bounty", drop="DROP FUNCTION restore_bounty;"),
    ]
