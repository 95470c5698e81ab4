"""Names in any case, unique e-mail addresses, and the tables in which django-axes counts failed logins."""

from django.db import migrations

import sql


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0003_guests"),
        ("axes", "0010_accessattemptexpiration"),
    ]

    operations = [
        migrations.AlterModelManagers(name="user", managers=[]),
        sql.create("tables/users_email", drop=""),
        sql.create("roles/axes", drop="REVOKE ALL ON axes_accessattempt, axes_accessattemptexpiration FROM market_app;"),
    ]
