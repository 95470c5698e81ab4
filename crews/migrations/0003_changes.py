"""Who changed what, when: a table that triggers alone write."""

import django.contrib.postgres.functions
from django.db import migrations, models

import sql


class Migration(migrations.Migration):
    """Replay sql/. The triggers of characters come with theirs."""

    dependencies = [("crews", "0002_sql")]

    operations = [
        migrations.CreateModel(
            name="Change",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=django.contrib.postgres.functions.TransactionNow(), editable=False)),
                ("staff_id", models.IntegerField(editable=False, null=True)),
                ("table_name", models.CharField(editable=False, max_length=20)),
                ("row_id", models.IntegerField(editable=False)),
                ("name", models.CharField(editable=False, max_length=100)),
                ("before", models.JSONField(editable=False, null=True)),
                ("after", models.JSONField(editable=False, null=True)),
            ],
            options={
                "db_table": "changes",
                "ordering": ("-id",),
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["table_name", "row_id", "id"], name="idx_changes_row"),
                    models.Index(fields=["staff_id", "id"], name="idx_changes_staff"),
                    models.Index(condition=models.Q(("staff_id__isnull", False)), fields=["id"], name="idx_changes_by_staff"),
                    models.Index(fields=["at"], name="idx_changes_at"),
                ],
            },
        ),
        sql.create("roles/changes", drop="REVOKE ALL ON changes FROM market_app, market_system;"),
        sql.create("functions/record_change", drop="DROP FUNCTION record_change;"),
        sql.create("functions/record_new", drop="DROP FUNCTION record_new;"),
        sql.create("functions/record_gone", drop="DROP FUNCTION record_gone;"),
        sql.create(
            "triggers/crew_changes",
            drop="DROP TRIGGER trigger_record_crew_change ON crews; DROP TRIGGER trigger_record_new_crews ON crews;"
            "DROP TRIGGER trigger_record_gone_crews ON crews;",
        ),
    ]
