"""The listings that await news, found without reading the others."""

from django.db import migrations, models

import sql


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("characters", "0011_market")]

    operations = [
        sql.create(
            "indexes/listings_awaiting",
            drop="DROP INDEX CONCURRENTLY IF EXISTS idx_listings_awaiting;",
            state=[
                migrations.AddIndex(
                    "listing",
                    models.Index(fields=["character"], name="idx_listings_awaiting", condition=models.Q(awaits_bounty=True)),
                )
            ],
        ),
    ]
