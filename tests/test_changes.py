"""Who changed what, when: every writer is recorded, and what was changed can be taken back."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import DatabaseError, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from characters.admin.forms import CharacterForm
from characters.bounties import bounty_history
from characters.models import BountyEvent, Character
from characters.services import restore_bounty
from crews.changes import bind_staff
from crews.models import Change, Crew
from tests.clients import connect, waits_then
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from tests.market import tick
from tests.test_admin import CHARACTERS, CREWS, announce, change, form_at, submit
from trading.models import User

pytestmark = pytest.mark.django_db(transaction=True)

CHANGES = "/admin/crews/change/"


@pytest.fixture
def nami() -> User:
    """A member of the staff."""
    return UserFactory(username="nami", is_staff=True, is_superuser=True)


@pytest.fixture
def desk(nami: User) -> Client:
    """Her browser."""
    client = Client()
    client.force_login(nami)
    return client


@pytest.fixture
def zoro() -> Character:
    """A character of a crew, with a bounty of 4,000,000."""
    return CharacterFactory(name="Zoro", crew=CrewFactory(name="Straw Hats"), epithet="Hunter")


def last(row: Any) -> Change:
    """Return the latest change of a row."""
    found = Change.objects.filter(table_name=row._meta.db_table, row_id=row.pk).first()
    assert found
    return found


def revert(client: Client, entry: Change, **sent: str) -> str:
    """Take a change back. Return what the next page says."""
    return client.post(f"{CHANGES}{entry.pk}/revert/", sent, follow=True).content.decode()


# --- every writer is recorded


def test_a_form_is_recorded_with_who_and_only_what_differs(desk: Client, nami: User, zoro: Character) -> None:
    change(desk, zoro, epithet="Pirate Hunter", first_chapter="3")
    entry = last(zoro)
    assert (entry.staff_id, entry.name) == (nami.pk, "Zoro")
    assert (entry.before, entry.after) == (
        {"epithet": "Hunter", "first_chapter": None},
        {"epithet": "Pirate Hunter", "first_chapter": 3},
    )


def test_the_list_a_crew_and_a_bounty_are_recorded(desk: Client, nami: User, zoro: Character) -> None:
    submit(desk, CHARACTERS, form_at(desk, CHARACTERS), **{"form-0-epithet": "From the list"})
    assert (last(zoro).staff_id, last(zoro).after) == (nami.pk, {"epithet": "From the list"})
    change(desk, zoro.crew, captain="Luffy")
    assert (last(zoro.crew).before, last(zoro.crew).after) == ({"captain": "Somebody"}, {"captain": "Luffy"})
    url = f"{CHARACTERS}{zoro.pk}/change/"
    announce(desk, url, **{"bounty_events-0-amount": "9000000"})
    assert BountyEvent.objects.get(amount=9_000_000).staff_id == nami.pk
    tick()
    assert (last(zoro).staff_id, last(zoro).before, last(zoro).after) == (nami.pk, {"bounty": 4_000_000}, {"bounty": 9_000_000})


def test_a_bounty_is_recorded_in_the_name_of_whoever_told_it_last_and_of_nobody_else(nami: User, zoro: Character) -> None:
    with transaction.atomic():
        bind_staff(nami)
        BountyEvent.objects.create(character=zoro, amount=9_000_000)
    tick()
    BountyEvent.objects.create(character=zoro, amount=16_000_000)
    tick()
    Character.objects.using("owner").filter(pk=zoro.pk).update(bounty=1)
    moved = Change.objects.filter(after__has_key="bounty").order_by("id").values_list("after__bounty", "staff_id")
    assert list(moved) == [(9_000_000, nami.pk), (16_000_000, None), (1, None)]


def test_who_adds_a_crew_or_a_character_is_recorded(desk: Client, nami: User) -> None:
    for url, fields in (
        (f"{CREWS}add/", {"name": "Buggy Pirates", "captain": "Buggy"}),
        (f"{CHARACTERS}add/", {"name": "Mohji", "description": "A tamer."}),
    ):
        submit(desk, url, form_at(desk, url), **fields)
    recorded = [(entry.table_name, entry.staff_id) for entry in Change.objects.order_by("id")]
    assert recorded == [("crews", nami.pk), ("characters", nami.pk)]


def typed(model: Any) -> set[str]:
    """Return the columns that staff may write."""
    return {field.attname for field in model._meta.concrete_fields if field.editable and not field.primary_key}


def test_every_column_that_staff_write_is_recorded(zoro: Character) -> None:
    crew = CrewFactory()
    Character.objects.filter(pk=zoro.pk).update(
        name="A", crew=crew, crew_chapter=1, epithet="B", epithet_chapter=2, aliases=["C"], terms="D", devil_fruit="E",
        devil_fruit_chapter=3, first_chapter=4, description="F", image_url="G", is_active=False, is_tradeable=False,
    )  # fmt: skip
    assert (last(zoro).after or {}).keys() == typed(Character) - {"bounty"}  # which moves by event
    Crew.objects.filter(pk=crew.pk).update(name="A", captain="B", description="C", founded_date="1999-01-31", is_active=False)
    assert (last(crew).after or {}).keys() == typed(Crew)


def test_commands_and_psql_are_recorded_as_nobody(zoro: Character, tmp_path: Any) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("name,description,epithet\nZoro,From a file.,Hunter\nUsopp,New.,\n", encoding="utf-8")
    call_command("load_characters", sheet, stdout=(tmp_path / "out").open("w"))
    assert (last(zoro).staff_id, last(zoro).after) == (None, {"description": "From a file."})
    usopp = Character.objects.get(name="Usopp")
    assert (last(usopp).before, last(usopp).after) == (None, {"name": "Usopp"})
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE characters SET aliases = ARRAY['Zolo'] WHERE id = %s", [zoro.pk])
        cursor.execute("DELETE FROM characters WHERE id = %s", [usopp.pk])
    assert (last(zoro).before, last(zoro).after) == ({"aliases": []}, {"aliases": ["Zolo"]})
    assert last(usopp).after is None


def test_a_new_price_a_renamed_crew_and_a_void_update_record_nothing(zoro: Character) -> None:
    before = Change.objects.count()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE characters SET current_price = 123, sentiment_score = 0.5")
        cursor.execute("UPDATE characters SET epithet = epithet, crew_id = crew_id")
    assert Change.objects.count() == before
    Crew.objects.filter(pk=zoro.crew_id).update(name="Mugiwara")  # its trigger touches every member
    assert Change.objects.count() == before + 1


def test_without_the_trigger_nothing_is_recorded(zoro: Character) -> None:
    """Negative control."""
    before = Change.objects.count()
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE characters DISABLE TRIGGER trigger_record_character_change")
        try:
            Character.objects.filter(pk=zoro.pk).update(epithet="Unseen")
        finally:
            cursor.execute("ALTER TABLE characters ENABLE TRIGGER trigger_record_character_change")
    assert Change.objects.count() == before


def test_the_binding_ends_with_its_transaction(nami: User, zoro: Character) -> None:
    with transaction.atomic():
        bind_staff(nami)
        Character.objects.filter(pk=zoro.pk).update(epithet="Bound")
    Character.objects.filter(pk=zoro.pk).update(epithet="Unbound")
    assert list(Change.objects.values_list("staff_id", flat=True)[:2]) == [None, nami.pk]


@pytest.mark.parametrize("alias", ["default", "owner"])
@pytest.mark.parametrize("statement", ["UPDATE changes SET staff_id = 1", "DELETE FROM changes"])
def test_nobody_rewrites_what_was_recorded(zoro: Character, alias: str, statement: str) -> None:
    with pytest.raises(DatabaseError, match="permission denied"), connections[alias].cursor() as cursor:
        cursor.execute(statement)


def test_the_site_records_nothing_by_hand() -> None:
    with pytest.raises(DatabaseError, match="permission denied"):
        Change.objects.create(table_name="crews", row_id=1, name="Forged")


# --- read


def test_history_and_changes_say_who_before_and_after(desk: Client, zoro: Character) -> None:
    other = CrewFactory(name="Cross Guild")
    change(desk, zoro, crew=str(other.pk), epithet="<b>King</b>")
    for url in (f"{CHARACTERS}{zoro.pk}/history/", CHANGES, "/admin/"):
        page = desk.get(url).content.decode()
        for text in (
            "nami",
            "<del>Straw Hats</del> → <ins>Cross Guild</ins>",
            "&lt;b&gt;King&lt;/b&gt;",
            f"{last(zoro).pk}/revert/",
        ):
            assert text in page, (url, text)


def test_a_crews_history_is_not_that_of_the_character_with_its_number(desk: Client) -> None:
    crew, character = CrewFactory(pk=7_000), CharacterFactory(pk=7_000)
    with transaction.atomic():  # at one moment, so that only the table tells them apart
        Crew.objects.filter(pk=crew.pk).update(captain="Roger")
        Character.objects.filter(pk=character.pk).update(epithet="King of the Pirates")
    for page in (f"{CREWS}{crew.pk}/history/", f"{CHANGES}{last(crew).pk}/revert/"):
        text = desk.get(page).content.decode()
        assert ("Roger" in text, "King of the Pirates" in text) == (True, False), page


def test_the_start_page_tells_what_staff_did_and_nothing_else(desk: Client, zoro: Character) -> None:
    change(desk, zoro, epithet="By hand")
    Character.objects.filter(pk=zoro.pk).update(epithet="By a command")
    start, listed = (desk.get(url).content.decode() for url in ("/admin/", CHANGES))
    assert ("By hand</ins>" in start, "By a command</ins>" in start) == (True, False)
    assert "By a command</ins>" in listed  # the control


def test_changes_are_filtered_by_who_table_and_day(desk: Client, nami: User, zoro: Character) -> None:
    change(desk, zoro, epithet="King of Hell")
    shown = {
        query: len(desk.get(f"{CHANGES}?{query}").context["cl"].result_list)
        for query in (
            f"staff={nami.pk}",
            "staff=none",
            "staff=x",
            "day=today",
            "day=x",
            "table_name=crews",
            "table_name=characters",
        )
    }
    assert list(shown.values()) == [1, 2, 3, 3, 3, 1, 2]  # a crew and a character are new, and one was changed


def test_the_filter_by_day_reaches_as_far_as_it_says(desk: Client) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET ROLE market_system")
        cursor.execute(
            "INSERT INTO changes (at, table_name, row_id, name, after)"
            " SELECT date_trunc('day', now(), 'UTC') - n * interval '1 day', 'crews', 1, n, '{}'"
            " FROM unnest(ARRAY[0, 1, 2, 7, 8, 30, 31]) n"
        )
        cursor.execute("RESET ROLE")
    days = ("today", "yesterday", "week", "month", "")
    assert [len(desk.get(f"{CHANGES}?day={day}").context["cl"].result_list) for day in days] == [1, 2, 4, 6, 7]


def test_the_pages_of_changes_take_as_many_queries_for_many(desk: Client, nami: User, zoro: Character) -> None:
    def queries() -> list[int]:
        found = []
        for url in (f"{CHARACTERS}{zoro.pk}/history/", CHANGES, "/admin/"):
            with CaptureQueriesContext(connections["default"]) as captured:
                assert desk.get(url).status_code == 200
            found.append(len(captured))
        return found

    change(desk, zoro, crew=str(CrewFactory().pk))
    desk.get("/admin/")  # tells what was saved, once
    few = queries()
    with transaction.atomic():
        bind_staff(nami)
        for number in range(60):
            Character.objects.filter(pk=zoro.pk).update(epithet=f"n{number}", crew=CrewFactory())
    assert queries() == few


# --- taken back


def test_one_click_takes_a_change_back_and_that_can_be_taken_back_too(desk: Client, nami: User, zoro: Character) -> None:
    change(desk, zoro, epithet="Typo", aliases="Zolo, ゾロ", is_tradeable="")
    first = last(zoro)
    page = desk.get(f"{CHANGES}{first.pk}/revert/").content.decode()
    assert re.search(r"Typo</td><td>.*Hunter</td>", page)
    assert "is “Hunter” again" in revert(desk, first)
    zoro.refresh_from_db()
    assert (zoro.epithet, zoro.aliases, zoro.is_tradeable) == ("Hunter", [], True)
    assert (last(zoro).staff_id, last(zoro).before) == (nami.pk, first.after)
    revert(desk, last(zoro))
    zoro.refresh_from_db()
    assert (zoro.epithet, zoro.aliases, zoro.is_tradeable) == ("Typo", ["Zolo", "ゾロ"], False)


def test_saving_offers_to_undo(desk: Client, zoro: Character) -> None:
    url = f"{CHARACTERS}{zoro.pk}/change/"
    page = desk.post(url, {**form_at(desk, url).values, "epithet": "Typo", "_save": "Save"}, follow=True).content.decode()
    assert f"{CHANGES}{last(zoro).pk}/revert/" in page
    Character.objects.filter(pk=zoro.pk).update(epithet="By a command")  # which is not the reader's to undo
    page = desk.post(url, {**form_at(desk, url).values, "_save": "Save"}, follow=True).content.decode()
    assert "Undo the last change" not in page


def test_a_crew_goes_back_too_with_its_date(desk: Client, zoro: Character) -> None:
    crew = zoro.crew
    change(desk, crew, captain="Luffy", founded_date="1999-01-31")
    revert(desk, last(crew))
    assert Crew.objects.values_list("captain", "founded_date").get() == ("Somebody", None)
    revert(desk, last(crew))
    assert Crew.objects.values_list("captain", "founded_date").get() == ("Luffy", date(1999, 1, 31))


def test_saving_in_the_list_offers_to_undo_what_was_changed_there(desk: Client, zoro: Character) -> None:
    untouched = CharacterFactory(name="Aladine")  # the row above
    form = form_at(desk, CHARACTERS)
    submit(desk, CHARACTERS, form, **{"form-1-epithet": "Typo"})
    page = desk.get(CHARACTERS).content.decode()
    assert last(zoro).after == {"epithet": "Typo"}
    assert f"{CHANGES}{last(zoro).pk}/revert/" in page
    assert f"Undo the last change of “{untouched}”" not in page
    assert "Undo the last change" not in desk.get(CHARACTERS).content.decode()


def test_one_press_of_save_is_one_change(desk: Client, zoro: Character) -> None:
    """What a form changes goes back together; the bounty that it announces is another change, made by a tick."""
    url = f"{CHARACTERS}{zoro.pk}/change/"
    announce(desk, url, epithet="Typo", devil_fruit="None", **{"bounty_events-0-amount": "9000000"})
    typed = last(zoro)
    tick()
    assert desk.get(f"{url.removesuffix('change/')}history/").content.decode().count(">Undo<span") == 2
    revert(desk, typed)
    zoro.refresh_from_db()
    assert (zoro.epithet, zoro.devil_fruit, zoro.bounty) == ("Hunter", "", 9_000_000)


def test_of_two_writes_in_one_transaction_the_value_before_both_comes_back(desk: Client, zoro: Character) -> None:
    with transaction.atomic():
        for epithet in ("First", "Second"):
            Character.objects.filter(pk=zoro.pk).update(epithet=epithet)
    revert(desk, last(zoro))
    zoro.refresh_from_db()
    assert zoro.epithet == "Hunter"


def test_what_was_changed_again_since_goes_back_only_when_asked_for(desk: Client, zoro: Character) -> None:
    change(desk, zoro, epithet="Second", devil_fruit="None")
    second = last(zoro)
    Character.objects.filter(pk=zoro.pk).update(epithet="Third")
    assert "epithet was changed again since" in revert(desk, second)
    zoro.refresh_from_db()
    assert (zoro.epithet, zoro.devil_fruit) == ("Third", "None")
    revert(desk, second, column="devil_fruit")
    revert(desk, second, column="epithet")
    zoro.refresh_from_db()
    assert (zoro.epithet, zoro.devil_fruit) == ("Hunter", "")
    assert "Nothing was undone" in revert(desk, second, column="current_price")


def test_a_name_that_another_has_taken_is_a_sentence(desk: Client, zoro: Character) -> None:
    change(desk, zoro, name="Roronoa Zoro")
    CharacterFactory(name="Zoro")
    assert "Nothing was undone: Character with this Name already exists." in revert(desk, last(zoro))
    zoro.refresh_from_db()
    assert zoro.name == "Roronoa Zoro"


def test_a_name_that_another_takes_at_that_moment_is_a_sentence_too(
    desk: Client, zoro: Character, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(desk, zoro, name="Roronoa Zoro")
    CharacterFactory(name="Zoro")
    monkeypatch.setattr(Character, "full_clean", lambda self, **_: None)  # as if it had looked before
    assert "another row has taken it" in revert(desk, last(zoro))


def test_a_bounty_goes_back_and_its_news_is_withdrawn(client: Client, desk: Client, zoro: Character) -> None:
    for amount, chapter in ((60_000_000, 213), (1_200_000_000, 435)):
        BountyEvent.objects.create(character=zoro, amount=amount, chapter=chapter)
        tick()
    typo = last(zoro)
    page = desk.get(f"{CHANGES}{typo.pk}/revert/").content.decode()
    assert "is withdrawn" in page
    assert "<del>฿1,732.05</del> → <ins>฿387.30</ins>" in page
    assert "bounty will be “฿60,000,000” again" in revert(desk, typo)
    zoro.refresh_from_db()
    assert zoro.bounty == 1_200_000_000
    tick()
    zoro.refresh_from_db()
    assert (zoro.bounty, zoro.current_price) == (60_000_000, Decimal("387.30"))
    assert [bounty.amount for bounty in bounty_history(zoro.pk)] == [60_000_000, 4_000_000]
    assert BountyEvent.objects.filter(character=zoro).count() == 3  # the record stays
    assert "1,200,000,000" not in client.get(zoro.get_absolute_url()).content.decode()


def test_an_undone_bounty_can_be_undone(desk: Client, zoro: Character) -> None:
    BountyEvent.objects.create(character=zoro, amount=9_000_000, chapter=213)
    tick()
    for bounty, told in ((4_000_000, [4_000_000]), (9_000_000, [9_000_000, 4_000_000])) * 2:
        revert(desk, last(zoro))
        tick()
        zoro.refresh_from_db()
        assert (zoro.bounty, [bounty.amount for bounty in bounty_history(zoro.pk)]) == (bounty, told)


def test_a_bounty_that_nobody_told_is_announced_anew(zoro: Character) -> None:
    restore_bounty(zoro, 5_000_000)
    tick()
    zoro.refresh_from_db()
    assert (zoro.bounty, bounty_history(zoro.pk)[0].amount) == (5_000_000, 5_000_000)
    restore_bounty(zoro, None)
    tick()
    zoro.refresh_from_db()
    assert (zoro.bounty, zoro.current_price) == (None, Decimal("25.00"))


def test_a_look_takes_nothing_back_and_a_reader_may_not(desk: Client, zoro: Character) -> None:
    change(desk, zoro, epithet="Typo")
    desk.get(f"{CHANGES}{last(zoro).pk}/revert/")
    reader = UserFactory(is_staff=True)
    client = Client()
    client.force_login(reader)
    assert client.post(f"{CHANGES}{last(zoro).pk}/revert/").status_code == 403
    zoro.refresh_from_db()
    assert zoro.epithet == "Typo"


def test_who_may_only_read_characters_takes_nothing_back(desk: Client, zoro: Character) -> None:
    change(desk, zoro, epithet="Typo")
    user = UserFactory(is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=("view_change", "view_character")))
    reader = Client()
    reader.force_login(user)
    url = f"{CHANGES}{last(zoro).pk}/revert/"
    assert (reader.get(url).status_code, reader.post(url).status_code) == (200, 403)
    zoro.refresh_from_db()
    assert zoro.epithet == "Typo"


# --- two at once


def test_a_row_that_somebody_holds_is_a_sentence(desk: Client, zoro: Character) -> None:
    url = f"{CHARACTERS}{zoro.pk}/change/"
    change(desk, zoro, epithet="Typo")
    form, listed, mine = form_at(desk, url).values, form_at(desk, CHARACTERS).values, last(zoro)
    with connections["default"].cursor() as cursor, connect("owner") as other, other.transaction():
        cursor.execute("SET lock_timeout = '50ms'")
        other.execute("SELECT FROM characters WHERE id = %s FOR UPDATE", [zoro.pk])
        answers = [
            desk.post(url, {**form, "epithet": "Mine", "_save": "Save"}),
            desk.post(CHARACTERS, {**listed, "form-0-epithet": "Mine", "_save": "Save"}),
            desk.post(f"{CHANGES}{mine.pk}/revert/"),
        ]
        cursor.execute("RESET lock_timeout")
    assert [response.status_code for response in answers] == [503] * 3
    assert ["Nothing was saved." in response.content.decode() for response in answers] == [True] * 3


def test_taking_back_waits_for_who_is_changing_the_row_and_then_looks_again(desk: Client, zoro: Character) -> None:
    change(desk, zoro, epithet="Second")
    mine, third = last(zoro), "UPDATE characters SET epithet = 'Third' WHERE id = %s"
    page, waited = waits_then(lambda one: one.execute(third, [zoro.pk]), lambda: revert(desk, mine))
    assert ("changed again since" in page.result(), waited) == (True, True)
    zoro.refresh_from_db()
    assert zoro.epithet == "Third"


def test_two_who_edit_different_fields_both_keep_theirs(desk: Client, zoro: Character) -> None:
    url = f"{CHARACTERS}{zoro.pk}/change/"
    mine, theirs = form_at(desk, url), form_at(desk, url)
    submit(desk, url, theirs, epithet="Theirs")
    submit(desk, url, mine, description="Mine.")
    zoro.refresh_from_db()
    assert (zoro.epithet, zoro.description) == ("Theirs", "Mine.")


def test_two_who_edit_the_same_field_are_told(desk: Client, zoro: Character) -> None:
    url = f"{CHARACTERS}{zoro.pk}/change/"
    mine, theirs = form_at(desk, url), form_at(desk, url)
    submit(desk, url, theirs, epithet="Theirs")
    response = desk.post(url, {**mine.values, "epithet": "Mine", "_save": "Save"})
    assert "Somebody changed this meanwhile, to “Theirs”" in response.content.decode()
    assert 'value="Mine"' in response.content.decode()
    zoro.refresh_from_db()
    assert zoro.epithet == "Theirs"


def test_the_list_overwrites_nothing_either(desk: Client, zoro: Character) -> None:
    mine = form_at(desk, CHARACTERS)
    Character.objects.filter(pk=zoro.pk).update(epithet="Theirs")
    submit(desk, CHARACTERS, mine, **{"form-0-is_tradeable": ""})
    zoro.refresh_from_db()
    assert (zoro.epithet, zoro.is_tradeable) == ("Theirs", False)
    crews = form_at(desk, f"{CREWS}{zoro.crew_id}/change/")
    Crew.objects.update(captain="Theirs")
    submit(desk, f"{CREWS}{zoro.crew_id}/change/", crews, description="Mine.")
    assert Crew.objects.values_list("captain", "description").get() == ("Theirs", "Mine.")


def test_a_form_that_does_not_remember_would_overwrite(desk: Client, zoro: Character, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: without the hidden first values, the other's field is lost."""
    url = f"{CHARACTERS}{zoro.pk}/change/"
    mine = form_at(desk, url)
    Character.objects.filter(pk=zoro.pk).update(epithet="Theirs")
    plain = CharacterForm.__init__

    def forgetful(self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = False

    monkeypatch.setattr(CharacterForm, "__init__", forgetful)
    submit(desk, url, mine, description="Mine.")
    zoro.refresh_from_db()
    assert zoro.epithet == "Hunter"
