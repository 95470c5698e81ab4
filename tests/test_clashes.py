"""A database of an earlier issue upgrades in place, whatever staff had entered into it."""

from typing import Any

from tests.test_sql_files import migrate, scratch_database


def test_a_database_of_the_issue_before_upgrades_with_names_and_addresses_that_clash(
    django_db_setup: None, django_db_blocker: Any
) -> None:
    """Staff could enter one e-mail address twice, and names that differ in case only: both stay able to log in."""
    insert = (
        "INSERT INTO users (username, email, password, is_superuser, is_staff, is_active, first_name, last_name, date_joined)"
        " SELECT name, mail, '!', false, true, true, '', '', now() FROM (VALUES ('robin', 'R@x.example'), ('ROBIN', ''),"
        " ('nami', 'r@X.example'), ('zoro', '')) AS v(name, mail)"
    )
    with django_db_blocker.unblock(), scratch_database() as connection:
        migrate(connection, ("trading", "0002_sql"))
        with connection.cursor() as cursor:
            cursor.execute(insert)
            migrate(connection)
            cursor.execute("SELECT username, email, is_guest, last_seen = current_date FROM users ORDER BY id")
            assert cursor.fetchall() == [
                ("robin", "R@x.example", False, True),
                ("ROBIN", "", False, True),
                ("nami", "", False, True),
                ("zoro", "", False, True),
            ]
            cursor.execute("SELECT count(*) FROM pg_index WHERE indrelid = 'users'::regclass AND NOT indisvalid")
            assert cursor.fetchone() == (0,)


def test_an_interrupted_upgrade_that_left_an_invalid_index_is_mended(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), scratch_database() as connection:
        migrate(connection, ("trading", "0004_logins"))
        with connection.cursor() as cursor:
            cursor.execute("CREATE INDEX users_email_key ON users (email)")  # what is left: the name, and not the index
            migrate(connection)
            cursor.execute("SELECT indisunique AND indisvalid FROM pg_index WHERE indexrelid = 'users_email_key'::regclass")
            assert cursor.fetchone() == (True,)
