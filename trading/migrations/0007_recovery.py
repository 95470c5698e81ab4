"""One-time recovery codes."""

import django.contrib.postgres.functions
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import sql


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0006_closing"),
    ]

    operations = [
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "user_id", "code_hash", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("code_hash", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(db_default=django.contrib.postgres.functions.TransactionNow())),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="recovery_codes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "recovery_codes",
            },
        ),
        sql.create(
            "roles/recovery_codes",
            drop="DROP POLICY own ON recovery_codes; DROP POLICY audit ON recovery_codes;"
            "ALTER TABLE recovery_codes DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;"
            "REVOKE ALL ON recovery_codes FROM market_app;",
        ),
    ]
