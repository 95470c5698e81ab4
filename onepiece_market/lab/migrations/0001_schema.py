"""Schema lab with the module's denormalised table."""

from django.db import migrations

import sql


class Migration(migrations.Migration):
    """Replay sql/lab/."""

    dependencies = []

    operations = [sql.create("lab/characters", drop="DROP SCHEMA lab CASCADE;")]
