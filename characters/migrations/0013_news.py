"""News of a bounty know who told them, and staff see what they would move."""

from django.db import migrations, models

import sql


class Migration(migrations.Migration):
    """Replay sql/."""

    dependencies = [("characters", "0012_awaiting")]

    operations = [
        migrations.AddField("bountyevent", "staff_id", models.IntegerField(editable=False, null=True)),
        migrations.AddField("listing", "news_by", models.IntegerField(null=True)),
        sql.create("functions/await_news", drop="DROP FUNCTION await_news;"),
        sql.create("functions/bounty_moves", drop="DROP FUNCTION bounty_moves;"),
        sql.replace("functions/record_change", version=2),
    ]
