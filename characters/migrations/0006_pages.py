"""Pages in the middle of thousands of equal prices cost what the first page costs."""

from django.db import migrations, models

import sql

TRADED = models.Q(is_active=True, is_tradeable=True)
CAP = models.Index(fields=["-market_cap", "-id"], name="idx_characters_cap_page", condition=TRADED)
PRICE = models.Index(fields=["current_price", "id"], name="idx_characters_price_page", condition=TRADED)


class Migration(migrations.Migration):
    """CONCURRENTLY works outside of a transaction only."""

    atomic = False
    dependencies = [("characters", "0005_fill")]

    operations = [
        sql.create(
            "indexes/characters_cap_page",
            drop="DROP INDEX CONCURRENTLY idx_characters_cap_page;",
            state=[migrations.AddIndex("character", CAP)],
        ),
        sql.create(
            "indexes/characters_price_page",
            drop="DROP INDEX CONCURRENTLY idx_characters_price_page;",
            state=[migrations.AddIndex("character", PRICE)],
        ),
    ]
