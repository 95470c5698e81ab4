"""The changes of characters are recorded, and so are the files that staff send."""

import django.contrib.postgres.functions
from django.db import migrations, models

import sql


class Migration(migrations.Migration):
    """Replay sql/."""

    dependencies = [("characters", "0006_pages"), ("crews", "0003_changes")]

    operations = [
        sql.create(
            "triggers/character_changes",
            drop="DROP TRIGGER trigger_record_character_change ON characters;"
            "DROP TRIGGER trigger_record_new_characters ON characters; DROP TRIGGER trigger_record_gone_characters ON characters;",
        ),
        migrations.CreateModel(
            name="Import",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=django.contrib.postgres.functions.TransactionNow(), editable=False)),
                ("staff_id", models.IntegerField(editable=False)),
                ("kind", models.CharField(editable=False, max_length=20)),
                ("file_name", models.CharField(editable=False, max_length=100)),
                ("rows", models.IntegerField(editable=False)),
                ("state", models.CharField(editable=False, max_length=20)),
                ("problems", models.JSONField(default=list, editable=False)),
                ("content", models.BinaryField(null=True)),
            ],
            options={
                "db_table": "imports",
                "ordering": ("-id",),
                "default_permissions": ("view", "add"),
                "indexes": [models.Index(condition=models.Q(("state", "refused")), fields=["-id"], name="idx_imports_refused")],
            },
        ),
        sql.create("roles/imports", drop="REVOKE ALL ON imports FROM market_app;"),
    ]
