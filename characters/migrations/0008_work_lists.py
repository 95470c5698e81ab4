"""The indexes of the staff's work lists. Made without blocking anybody: the table may be large."""

from django.db import migrations, models

import sql

UNSOURCED = (
    models.Q(first_chapter=None)
    | models.Q(crew__isnull=False, crew_chapter=None)
    | models.Q(devil_fruit__gt="", devil_fruit_chapter=None)
    | models.Q(epithet__gt="", epithet_chapter=None)
)


def work_list(file: str, model: str, fields: list[str], condition: models.Q) -> migrations.RunSQL:
    """Return the operation that makes one partial index."""
    index = models.Index(fields=fields, name=f"idx_{file}", condition=condition)
    return sql.create(
        f"indexes/{file}", drop=f"DROP INDEX CONCURRENTLY IF EXISTS idx_{file};", state=[migrations.AddIndex(model, index)]
    )


class Migration(migrations.Migration):
    """Replay sql/."""

    atomic = False
    dependencies = [("characters", "0007_desk")]

    operations = [
        work_list("characters_no_crew", "character", ["name"], models.Q(crew=None)),
        work_list("characters_no_description", "character", ["name"], models.Q(description="")),
        work_list("characters_no_chapter", "character", ["name"], UNSOURCED),
        work_list("characters_not_traded", "character", ["name"], models.Q(is_tradeable=False)),
        work_list("characters_inactive", "character", ["name"], models.Q(is_active=False)),
        work_list("bounty_events_unconfirmed", "bountyevent", ["character"], models.Q(chapter=None)),
    ]
