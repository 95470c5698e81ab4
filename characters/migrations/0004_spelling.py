"""Spellings are searched in a column: its index replaces that of an expression, and nobody waits."""

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations

import sql

SPELLING = GinIndex(fields=["names"], name="idx_characters_spelling", opclasses=("gin_trgm_ops",))


class Migration(migrations.Migration):
    """CONCURRENTLY works outside of a transaction only."""

    atomic = False
    dependencies = [("characters", "0003_search")]

    operations = [
        sql.create(
            "indexes/characters_spelling",
            drop="DROP INDEX CONCURRENTLY idx_characters_spelling;",
            state=[migrations.AddIndex("character", SPELLING)],
        ),
        migrations.RunSQL(
            "DROP INDEX CONCURRENTLY IF EXISTS idx_characters_names_trgm;",
            sql.read("indexes/characters_names_trgm"),
            state_operations=[migrations.RemoveIndex("character", "idx_characters_names_trgm")],
        ),
        migrations.RunSQL(
            "-- squawk-ignore ban-drop-function\nDROP FUNCTION IF EXISTS character_names;", sql.read("functions/character_names")
        ),
    ]
