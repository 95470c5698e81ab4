"""Markets that opened before these characters were in the shipped file get them, where staff have not made them already."""

from pathlib import Path

from django.db import migrations

from characters.loading import read_table

HERE = Path(__file__).parent  # the tables beside this file are frozen with it: characters/data moves on


def add(apps, schema_editor):
    """Add whoever is missing, with crew and bounties; an empty market gets everybody from load_characters."""
    alias = schema_editor.connection.alias
    crews, characters, events = (
        apps.get_model(*model).objects.using(alias)
        for model in (("crews", "Crew"), ("characters", "Character"), ("characters", "BountyEvent"))
    )
    taken = {name.casefold() for name in characters.values_list("name", flat=True)}
    rows = [row for row in read_table(HERE / "0010_characters.csv").rows.values() if taken.isdisjoint(_called(row))]
    if not taken or not rows:
        return
    ids = _crews(crews, {row["crew"] for row in rows})
    histories = {row["name"]: row.pop("history") for row in rows}
    made = characters.bulk_create(characters.model(crew_id=ids.get(row.pop("crew")), **row) for row in rows)
    events.bulk_create(
        events.model(character_id=character.pk, amount=amount, chapter=chapter)
        for character in made
        for amount, chapter in histories[character.name]
    )
    schema_editor.execute("REFRESH MATERIALIZED VIEW crew_analytics")
    schema_editor.execute("DO $$ BEGIN EXECUTE format('COMMENT ON MATERIALIZED VIEW crew_analytics IS %L', now()); END $$", None)


def _called(row):
    """Return all names of a character: staff may have made Kuzan as Aokiji."""
    return {name.casefold() for name in (row["name"], *row["aliases"])}


def _crews(crews, names):
    """Return the ids of these crews by name, made where they are missing."""
    known = set(crews.filter(name__in=names).values_list("name", flat=True))
    rows = read_table(HERE / "0010_crews.csv").rows.values()
    crews.bulk_create(crews.model(**row) for row in rows if row["name"] in names - known)
    return dict(crews.filter(name__in=names).values_list("name", "id"))


class Migration(migrations.Migration):
    """Backwards they stay: somebody may hold shares of them. Forwards again they are there already."""

    dependencies = [("characters", "0009_withdrawn")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop, elidable=False)]
