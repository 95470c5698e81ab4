"""The partial index and the trigger of crews."""

from django.db import migrations, models

import sql


class Migration(migrations.Migration):
    """Replay sql/."""

    dependencies = [("crews", "0001_initial")]

    operations = [
        sql.create(
            "indexes/crews_active",
            drop="DROP INDEX idx_crews_active;",
            state=[
                migrations.AddIndex(
                    "crew",
                    models.Index(fields=["is_active"], name="idx_crews_active", condition=models.Q(is_active=True)),
                )
            ],
        ),
        sql.create("functions/update_character_timestamp", drop="DROP FUNCTION update_character_timestamp;"),
        sql.create("triggers/crew_timestamp", drop="DROP TRIGGER trigger_update_crew_timestamp ON crews;"),
    ]
