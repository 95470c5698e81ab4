"""Guests, when somebody was here last, and how many accounts an address makes."""

import django.contrib.postgres.functions
from django.db import migrations, models

import sql


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0002_sql"),
    ]

    operations = [
        migrations.CreateModel(
            name="DailyCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "day", "address", "kind", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("address", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=10)),
                ("counted", models.IntegerField()),
            ],
            options={
                "db_table": "daily_counts",
            },
        ),
        migrations.AddField(
            model_name="user",
            name="is_guest",
            field=models.BooleanField(db_default=False),
        ),
        sql.create(
            "tables/users_last_seen",
            drop="ALTER TABLE users DROP COLUMN last_seen;",
            state=[
                migrations.AddField(
                    model_name="user",
                    name="last_seen",
                    field=models.DateField(db_default=django.contrib.postgres.functions.TransactionNow()),
                ),
            ],
        ),
        sql.create("roles/daily_counts", drop="REVOKE ALL ON daily_counts FROM market_system;"),
        sql.create("functions/count_today", drop="DROP FUNCTION count_today;"),
    ]
