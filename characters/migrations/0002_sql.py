"""Indexes, triggers and functions of characters, and crew_analytics."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import migrations, models

import sql
from characters.models import CharacterNames

ACTIVE_ONLY = models.Index(
    fields=["-bounty"], name="idx_characters_active_only", condition=models.Q(is_active=True, is_tradeable=True)
)
SEARCH = GinIndex(fields=["search"], name="idx_characters_search")
NAMES = GinIndex(OpClass(CharacterNames(), name="gin_trgm_ops"), name="idx_characters_names_trgm")


class Migration(migrations.Migration):
    """Replay sql/."""

    dependencies = [("characters", "0001_initial"), ("crews", "0002_sql")]

    operations = [
        sql.create(
            "tables/characters_crew",
            drop="ALTER TABLE characters DROP CONSTRAINT characters_crew_id_fkey;"
            "ALTER TABLE characters ADD CONSTRAINT characters_crew_id_15aba809_fk_crews_id FOREIGN KEY (crew_id)"
            " REFERENCES crews (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;",
        ),
        sql.create("functions/character_names", drop="DROP FUNCTION character_names;"),
        sql.create(
            "indexes/characters_active_only",
            drop="DROP INDEX idx_characters_active_only;",
            state=[migrations.AddIndex("character", ACTIVE_ONLY)],
        ),
        sql.create(
            "indexes/characters_search",
            drop="DROP INDEX idx_characters_search;",
            state=[migrations.AddIndex("character", SEARCH)],
        ),
        sql.create(
            "indexes/characters_names_trgm",
            drop="DROP INDEX idx_characters_names_trgm;",
            state=[migrations.AddIndex("character", NAMES)],
        ),
        sql.create("triggers/character_timestamp", drop="DROP TRIGGER trigger_update_character_timestamp ON characters;"),
        sql.create("functions/set_character_search", drop="DROP FUNCTION set_character_search;"),
        sql.create("triggers/character_search", drop="DROP TRIGGER trigger_character_search ON characters;"),
        sql.create("functions/refresh_crew_search", drop="DROP FUNCTION refresh_crew_search;"),
        sql.create("triggers/crew_search", drop="DROP TRIGGER trigger_crew_search ON crews;"),
        sql.create("functions/bounty_fundamental", drop="DROP FUNCTION bounty_fundamental;"),
        sql.create("functions/full_vote", drop="DROP FUNCTION full_vote;"),
        sql.create("functions/price_new_character", drop="DROP FUNCTION price_new_character;"),
        sql.create("triggers/price_new_character", drop="DROP TRIGGER trigger_price_new_character ON characters;"),
        sql.create("functions/list_new_characters", drop="DROP FUNCTION list_new_characters;"),
        sql.create("triggers/list_new_characters", drop="DROP TRIGGER trigger_list_new_characters ON characters;"),
        sql.create("functions/apply_bounty_event", drop="DROP FUNCTION apply_bounty_event;"),
        sql.create("triggers/apply_bounty_event", drop="DROP TRIGGER trigger_apply_bounty_event ON bounty_events;"),
        sql.create("views/crew_analytics", drop="DROP MATERIALIZED VIEW crew_analytics;"),
        sql.create("tables/price_ticks", drop="DROP TABLE price_ticks;"),
    ]
