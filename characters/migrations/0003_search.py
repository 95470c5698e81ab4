"""The search ranks names before words before spellings, and every fact has room for the chapter that told it."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

import sql

CHAPTERS = models.Q(crew_chapter__gte=1, epithet_chapter__gte=1, devil_fruit_chapter__gte=1)


class Migration(migrations.Migration):
    """Add columns that are empty at first, then what fills and searches them."""

    dependencies = [("characters", "0002_sql"), ("trading", "0002_sql")]  # which takes back every grant when it goes

    operations = [
        migrations.AddField("character", "crew_chapter", models.IntegerField(null=True, blank=True)),
        migrations.AddField("character", "epithet_chapter", models.IntegerField(null=True, blank=True)),
        migrations.AddField("character", "devil_fruit_chapter", models.IntegerField(null=True, blank=True)),
        migrations.AddField("character", "terms", models.TextField(blank=True, db_default="")),
        migrations.AddField("character", "names", models.TextField(null=True, editable=False)),
        AddConstraintNotValid("character", models.CheckConstraint(condition=CHAPTERS, name="characters_chapters_check")),
        sql.create("roles/search", drop="SELECT 1;"),
        migrations.RunSQL("CREATE EXTENSION IF NOT EXISTS fuzzystrmatch;", migrations.RunSQL.noop),  # trusted, like pg_trgm
        sql.create("functions/search_form", drop="DROP FUNCTION search_form;"),
        sql.create("functions/search_sounds", drop="DROP FUNCTION search_sounds;"),
        sql.create("functions/search_query", drop="DROP FUNCTION search_query;"),
        sql.replace("functions/set_character_search", version=2),
        sql.replace("triggers/character_search", version=2),
        sql.create("functions/search_distance", drop="DROP FUNCTION search_distance;"),
        sql.create("functions/search_characters", drop="DROP FUNCTION search_characters;"),
    ]
