"""The admin as staff use it: what they can enter, what is the market's, and that nothing is deleted."""

import re
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import ProgrammingError, connections
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from characters.models import BountyEvent, Character, Import, Listing
from crews.models import Change, Crew
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from tests.market import tick
from tests.money import money_of, trade_by_sql
from trading.models import Account, User

pytestmark = pytest.mark.django_db(transaction=True)  # account pages are read through `owner`: what they show is committed

CHARACTERS = "/admin/characters/character/"
CREWS = "/admin/crews/crew/"
USERS = "/admin/trading/user/"
ACCOUNTS = "/admin/trading/account/"
GROUPS = "/admin/auth/group/"
CHANGES = "/admin/crews/change/"
IMPORTS = "/admin/characters/import/"
LISTS = [CHARACTERS, CREWS, USERS, ACCOUNTS, GROUPS, CHANGES, IMPORTS]
PASSWORD = "a long enough one"


class Form(HTMLParser):
    """Collect what a browser would send from the page's forms, as it stands."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.buttons: set[str] = set()
        self.open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "input" and given.get("type") == "submit":
            self.buttons.add(name)
        elif tag == "input" and name and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self.values[name] = given.get("value") or ("on" if given.get("type") == "checkbox" else "")
        elif tag in ("select", "textarea"):
            self.open = name
            if "multiple" not in given:
                self.values.setdefault(name, "")
        elif tag == "option" and "selected" in given:
            self.values[self.open] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self.lasttag == "textarea" and self.open:
            self.values[self.open] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self.open = ""


@pytest.fixture
def staff() -> Client:
    """A superuser's browser."""
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def luffy() -> Character:
    """A character of a crew at 100.00, with a market cap of 100,000,000."""
    return CharacterFactory(name="Luffy", crew=CrewFactory(name="Straw Hats"))


@pytest.fixture
def held(luffy: Character) -> User:
    """A trader who holds three shares of Luffy."""
    trader = UserFactory(username="Holder")
    assert trade_by_sql(trader.pk, trader.pk, luffy.pk, "buy", 3)["success"]
    return trader


def form_at(client: Client, url: str) -> Form:
    """Open a page and return its form."""
    response = client.get(url)
    assert response.status_code == 200
    form = Form()
    form.feed(response.content.decode())
    return form


def submit(client: Client, url: str, form: Form, **changes: Any) -> HttpResponse:
    """Send the form with these fields changed. It must be taken."""
    response = client.post(url, {**form.values, "_save": "Save", **changes})
    errors = response.context["errors"] if response.context and "errors" in response.context else ""
    assert response.status_code == 302, errors
    return response


def announce(client: Client, url: str, **typed: Any) -> HttpResponse:
    """Type news into the form or the list, look at what it moves, tick that exactly this is meant. It must be taken."""
    sent = {**form_at(client, url).values, **typed, "_save": "Save"}
    shown = client.post(url, sent)
    assert shown.status_code == 200, "it was taken without a look"
    box = re.search(r'<input type="checkbox" name="([\w-]*is_sure)" value="(\w+)"', shown.content.decode())
    assert box, shown.context["errors"]
    response = client.post(url, {**sent, box[1]: box[2]})
    assert response.status_code == 302, response.content.decode()
    return response


def change(client: Client, item: Any, **changes: Any) -> None:
    """Open an object's page, change these fields, and save."""
    url = f"/admin/{item._meta.app_label}/{item._meta.model_name}/{item.pk}/change/"
    submit(client, url, form_at(client, url), **changes)
    item.refresh_from_db()


def rows_of(client: Client, url: str, **query: Any) -> list[str]:
    """Return the objects that a change list shows."""
    response = client.get(url, query)
    assert response.status_code == 200
    return [str(item) for item in response.context["cl"].result_list]


# --- every page


def test_a_superuser_logs_in_and_has_no_trading_account() -> None:
    user = User.objects.create_superuser("boss", password=PASSWORD)
    client = Client()
    response = client.post("/admin/login/?next=/admin/", {"username": "boss", "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200
    assert not Account.objects.using("owner").filter(user_id=user.pk).exists()


def test_every_registered_model_has_pages_that_answer(staff: Client, held: User) -> None:
    Group.objects.create(name="Writers")
    Import.objects.create(staff_id=held.pk, kind="crews", file_name="crews.csv", rows=1, state=Import.REFUSED)
    pages = ["/admin/", "/admin/password_change/"]
    for model in admin.site._registry:
        meta = model._meta
        first = model._default_manager.using("owner").first()
        assert first is not None, f"make a {meta.label} in this test"
        base = f"/admin/{meta.app_label}/{meta.model_name}/"
        pages += [f"/admin/{meta.app_label}/", base]
        pages += (
            [f"{base}{first.pk}/change/", f"{base}{first.pk}/history/"] if model is not Change else [f"{base}{first.pk}/revert/"]
        )
        pages += [f"{base}add/"] if model not in (Account, Change) else []
    assert set(LISTS) <= set(pages)
    assert {page: staff.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)


def test_lists_are_searched_and_filtered(staff: Client, luffy: Character, held: User) -> None:
    CharacterFactory(name="Smoker", is_active=False, epithet="White Hunter")
    assert rows_of(staff, CHARACTERS) == ["Luffy", "Smoker"]
    assert rows_of(staff, CHARACTERS, q="hunter") == ["Smoker"]
    assert rows_of(staff, CHARACTERS, is_active__exact=1) == ["Luffy"]
    assert rows_of(staff, CHARACTERS, crew__id__exact=luffy.crew_id) == ["Luffy"]
    CrewFactory(name="Marines", captain="Akainu", is_active=False)
    assert rows_of(staff, CREWS, q="akainu") == ["Marines"]
    assert rows_of(staff, CREWS, is_active__exact=1) == ["Straw Hats"]
    assert rows_of(staff, USERS, q="holder") == ["Holder"]
    assert rows_of(staff, USERS, is_staff__exact=0) == ["Holder"]
    assert rows_of(staff, ACCOUNTS, q="holder") == ["account of Holder"]
    assert rows_of(staff, ACCOUNTS, q="nobody") == []


def test_the_crew_of_a_character_is_chosen_by_typing(staff: Client, luffy: Character) -> None:
    CrewFactory(name="Marines")
    query = {"app_label": "characters", "model_name": "character", "field_name": "crew", "term": "straw"}
    results = staff.get("/admin/autocomplete/", query).json()["results"]
    assert results == [{"id": str(luffy.crew_id), "text": "Straw Hats"}]


# --- entering and mending


def test_a_crew_is_added_and_mended(staff: Client) -> None:
    submit(staff, f"{CREWS}add/", form_at(staff, f"{CREWS}add/"), name="Buggy Pirates", captain="Buggy")
    crew = Crew.objects.get()
    assert (crew.name, crew.captain, crew.is_active) == ("Buggy Pirates", "Buggy", True)
    change(staff, crew, captain="Captain Buggy", founded_date="1999-01-31")
    assert (crew.name, crew.captain, str(crew.founded_date)) == ("Buggy Pirates", "Captain Buggy", "1999-01-31")


@pytest.mark.parametrize(
    ("bounty", "price"), [("4000000", "100.00"), ("3000000000", "2738.61"), ("1", "10.00"), ("0", "10.00"), ("", "25.00")]
)
def test_a_new_characters_price_follows_from_its_bounty(staff: Client, bounty: str, price: str) -> None:
    form = form_at(staff, f"{CHARACTERS}add/")
    submit(staff, f"{CHARACTERS}add/", form, name="Nami", description="A navigator.", bounty=bounty, current_price="1")
    nami = Character.objects.get()
    assert (nami.bounty, nami.current_price) == (int(bounty) if bounty else None, Decimal(price))
    assert (nami.is_active, nami.is_tradeable) == (True, True)
    assert nami.market_cap == Decimal(price) * 1_000_000
    assert Listing.objects.get(character=nami).fundamental == nami.current_price
    assert list(BountyEvent.objects.values_list("amount", flat=True)) == ([int(bounty)] if bounty else [])


def test_a_form_that_cannot_be_saved_keeps_what_was_typed(staff: Client, luffy: Character) -> None:
    form = form_at(staff, f"{CHARACTERS}add/").values
    for wrong in ({"name": "Luffy", "bounty": "1"}, {"name": "Nami", "bounty": "-1"}, {"name": "Nami", "bounty": "9" * 30}):
        response = staff.post(f"{CHARACTERS}add/", {**form, "description": "Typed with care.", **wrong})
        assert response.status_code == 200
        assert response.context["errors"]
        assert "Typed with care." in response.content.decode()
    assert Character.objects.count() == 1


def test_a_change_of_description_moves_nothing_else(staff: Client, luffy: Character) -> None:
    before: dict[str, Any] = {**Character.objects.filter(pk=luffy.pk).values().get()}
    change(staff, luffy, description="Made of rubber.")
    after: dict[str, Any] = {**Character.objects.filter(pk=luffy.pk).values().get()}
    moved = {name for name in before if before[name] != after[name]}
    assert moved == {"description", "search", "updated_at"}
    assert after["description"] == "Made of rubber."


def test_a_line_of_bounty_history_moves_bounty_price_and_market_cap(staff: Client, luffy: Character) -> None:
    url = f"{CHARACTERS}{luffy.pk}/change/"
    form = form_at(staff, url)
    assert form.values["bounty_events-INITIAL_FORMS"] == "0"
    announce(staff, url, **{"bounty_events-0-amount": "9000000", "bounty_events-0-chapter": "1053"})
    luffy.refresh_from_db()
    assert (luffy.bounty, luffy.current_price) == (4_000_000, 100)
    tick()
    luffy.refresh_from_db()
    assert (luffy.bounty, luffy.current_price, luffy.market_cap) == (9_000_000, 150, 150_000_000)
    assert Listing.objects.get(character=luffy).fundamental == 150
    assert list(BountyEvent.objects.order_by("id").values_list("amount", "chapter")) == [(4_000_000, None), (9_000_000, 1053)]


def test_the_history_of_a_bounty_is_shown_newest_first(staff: Client, luffy: Character) -> None:
    for amount, chapter in ((30_000_000, 96), (100_000_000, 213), (300_000_000, None)):
        BountyEvent.objects.create(character=luffy, amount=amount, chapter=chapter)
    page = staff.get(f"{CHARACTERS}{luffy.pk}/change/").content.decode()
    assert re.findall(r"<tr><td>(฿[\d,]+)</td><td>([\w ]+)</td>", page) == [
        ("฿300,000,000", "to be confirmed"), ("฿100,000,000", "213"), ("฿30,000,000", "96"), ("฿4,000,000", "to be confirmed"),
    ]  # fmt: skip


def test_bounty_history_is_not_rewritten(staff: Client, luffy: Character) -> None:
    url = f"{CHARACTERS}{luffy.pk}/change/"
    event = BountyEvent.objects.get()
    line = {"bounty_events-0-id": event.pk, "bounty_events-0-amount": "1", "bounty_events-0-DELETE": "on"}
    forged = {**form_at(staff, url).values, "bounty_events-INITIAL_FORMS": "1", **line, "_save": "Save"}
    staff.post(url, forged)
    assert BountyEvent.objects.get(pk=event.pk).amount == 4_000_000


def test_the_bounty_itself_and_the_markets_fields_are_read_only(staff: Client, luffy: Character) -> None:
    market = {"bounty", "current_price", "market_cap", "weekly_change", "sentiment_score"}
    form = form_at(staff, f"{CHARACTERS}{luffy.pk}/change/")
    assert not market & form.values.keys()
    assert {"name", "description", "epithet"} <= form.values.keys()
    before = Character.objects.filter(pk=luffy.pk).values(*market).get()
    change(staff, luffy, description="New.", **dict.fromkeys(market, "1"))
    assert luffy.description == "New."
    assert Character.objects.filter(pk=luffy.pk).values(*market).get() == before


def test_a_price_that_moves_while_staff_type_survives_their_save(staff: Client, luffy: Character) -> None:
    url = f"{CHARACTERS}{luffy.pk}/change/"
    form = form_at(staff, url)
    Character.objects.using("owner").filter(pk=luffy.pk).update(current_price=123, sentiment_score=0.5)
    submit(staff, url, form, description="Typed meanwhile.")
    luffy.refresh_from_db()
    assert (luffy.description, luffy.current_price, luffy.sentiment_score) == ("Typed meanwhile.", 123, 0.5)


def test_a_plain_save_of_an_earlier_loaded_object_overwrites_the_price(luffy: Character) -> None:
    """Negative control: what CarefulAdmin.save_model prevents. As market_app even this would be refused."""
    stale = Character.objects.using("owner").get(pk=luffy.pk)
    Character.objects.using("owner").filter(pk=luffy.pk).update(current_price=123)
    stale.description = "Typed meanwhile."
    with pytest.raises(ProgrammingError, match="permission denied"):
        stale.save(using="default")
    stale.save(using="owner")
    luffy.refresh_from_db()
    assert luffy.current_price == 100


def test_a_trader_made_in_the_admin_has_an_account_and_a_new_password_works(staff: Client) -> None:
    form = form_at(staff, f"{USERS}add/")
    submit(staff, f"{USERS}add/", form, username="robin", password1=PASSWORD, password2=PASSWORD)
    robin = User.objects.get(username="robin")
    assert money_of(robin) == {"balance": 100_000}
    change(staff, robin, first_name="Nico")
    assert (robin.first_name, robin.is_active, robin.check_password(PASSWORD)) == ("Nico", True, True)
    submit(staff, f"{USERS}{robin.pk}/password/", Form(), password1=PASSWORD[::-1], password2=PASSWORD[::-1])
    robin.refresh_from_db()
    assert (robin.first_name, robin.check_password(PASSWORD[::-1])) == ("Nico", True)


def test_no_user_is_renamed_to_what_another_is_called_in_any_case(staff: Client, held: User) -> None:
    robin = UserFactory(username="robin")
    url = f"{USERS}{robin.pk}/change/"
    for taken in ("Holder", "HOLDER"):
        response = staff.post(url, {**form_at(staff, url).values, "username": taken, "_save": "Save"})
        assert "Another user has this name" in response.content.decode()
    change(staff, robin, username="Robin")  # his own, in other capitals
    User.objects.filter(pk=robin.pk).update(username="HOLDER")  # as it was possible once
    change(staff, robin, first_name="Nico")
    assert (robin.username, robin.first_name) == ("HOLDER", "Nico")


# --- nothing is deleted


@pytest.mark.parametrize("url", [CHARACTERS, CREWS, USERS, ACCOUNTS])
def test_there_is_no_delete_button_and_no_bulk_deletion(staff: Client, held: User, url: str) -> None:
    changelist = staff.get(url)
    assert "delete_selected" not in changelist.content.decode()
    keys = [item.pk for item in changelist.context["cl"].result_list]
    assert keys
    staff.post(url, {"action": "delete_selected", "_selected_action": keys, "post": "yes"})
    assert [item.pk for item in staff.get(url).context["cl"].result_list] == keys
    page = staff.get(f"{url}{keys[0]}/change/").content.decode()
    assert "deletelink" not in page
    assert "/delete/" not in page


@pytest.mark.parametrize("send", ["get", "post"])
def test_asking_to_delete_says_who_keeps_it_and_deletes_nothing(staff: Client, held: User, luffy: Character, send: str) -> None:
    sentences = {
        f"{CHARACTERS}{luffy.pk}/delete/": "Luffy cannot be deleted: 1 trader holds it.",
        f"{CREWS}{luffy.crew_id}/delete/": "Straw Hats cannot be deleted: it has 1 character, held by 1 trader.",
        f"{USERS}{held.pk}/delete/": "Holder cannot be deleted: the ledger has 2 entries of it.",
    }
    for url, sentence in sentences.items():
        response = getattr(staff, send)(url, {"post": "yes"}, follow=True)
        assert response.status_code == 200
        assert sentence in response.content.decode()
    assert (Character.objects.count(), Crew.objects.count(), User.objects.filter(pk=held.pk).count()) == (1, 1, 1)
    assert staff.post(f"{ACCOUNTS}{held.pk}/delete/", {"post": "yes"}).status_code == 403


def test_what_nobody_holds_is_not_deleted_either(staff: Client, luffy: Character) -> None:
    response = staff.post(f"{CHARACTERS}{luffy.pk}/delete/", {"post": "yes"}, follow=True)
    assert "Luffy cannot be deleted." in response.content.decode()
    assert Character.objects.count() == 1


def test_a_character_is_deactivated_instead(staff: Client, luffy: Character) -> None:
    assert "Luffy" in Client().get("/").content.decode()
    url = f"{CHARACTERS}{luffy.pk}/change/"
    form = form_at(staff, url)
    del form.values["is_active"]  # an unticked box sends nothing
    submit(staff, url, form)
    assert not Character.objects.active().exists()
    assert "Luffy" not in Client().get("/").content.decode()


# --- money is shown, never edited


def test_the_account_page_shows_positions_and_ledger(staff: Client, held: User) -> None:
    """Read through `owner`: the site's own role would be refused (control)."""
    page = staff.get(f"{ACCOUNTS}{held.pk}/change/").content.decode()
    assert "<td>Luffy</td><td>3</td><td>303.00</td>" in page
    assert "<td>buy</td>" in page
    assert "<td>opening</td>" in page
    assert "99,697.00" in page
    with pytest.raises(ProgrammingError, match="No user is bound"):
        Account.objects.get(pk=held.pk)


def test_the_account_page_shows_nothing_of_another(staff: Client, held: User) -> None:
    other = UserFactory()
    assert trade_by_sql(other.pk, other.pk, CharacterFactory(name="Nami").pk, "buy", 1)["success"]
    pages = [staff.get(f"{ACCOUNTS}{pk}/change/").content.decode() for pk in (held.pk, other.pk)]
    assert [("<td>Luffy</td>" in page, "<td>Nami</td>" in page) for page in pages] == [(True, False), (False, True)]


def test_nobody_edits_adds_or_deletes_an_account(staff: Client, held: User) -> None:
    form = form_at(staff, f"{ACCOUNTS}{held.pk}/change/")
    assert not {"balance", "user", "last_entry_at"} & form.values.keys()
    assert not {"_save", "_continue", "_addanother"} & form.buttons
    before = money_of(held)
    assert staff.post(f"{ACCOUNTS}{held.pk}/change/", {"balance": "1", "_save": "Save"}).status_code == 403
    assert staff.get(f"{ACCOUNTS}add/").status_code == 403
    assert staff.post(f"{ACCOUNTS}add/", {"user": held.pk, "balance": "1"}).status_code == 403
    assert money_of(held) == before


def test_a_name_with_markup_is_shown_as_text(staff: Client) -> None:
    trader, evil = UserFactory(), CharacterFactory(name="<script>alert(1)</script>")
    assert trade_by_sql(trader.pk, trader.pk, evil.pk, "buy", 1)["success"]
    for url in (f"{ACCOUNTS}{trader.pk}/change/", CHARACTERS, f"{CHARACTERS}{evil.pk}/change/"):
        page = staff.get(url).content.decode()
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert(1)" not in page


def queries(client: Client, url: str) -> int:
    """Return how many queries a page takes, of both roles."""
    with CaptureQueriesContext(connections["default"]) as site, CaptureQueriesContext(connections["owner"]) as owner:
        assert client.get(url).status_code == 200
    return len(site) + len(owner)


def test_lists_take_as_many_queries_at_200_rows_as_at_3(staff: Client) -> None:
    def fill(number: int) -> None:
        for crew in CrewFactory.create_batch(number):
            CharacterFactory(crew=crew)
        UserFactory.create_batch(number)
        Group.objects.bulk_create(Group(name=f"Group {Group.objects.count()} {n}") for n in range(number))

    fill(3)
    few = {url: queries(staff, url) for url in LISTS}
    fill(197)
    assert {url: queries(staff, url) for url in LISTS} == few
    assert all(0 < number <= 8 for number in few.values()), few


# --- who may come in


def test_traders_and_strangers_get_no_admin(held: User, luffy: Character) -> None:
    trader = Client()
    trader.force_login(held)
    pages = [
        "/admin/",
        *LISTS,
        f"{CHARACTERS}{luffy.pk}/change/",
        f"{CHARACTERS}{luffy.pk}/delete/",
        f"{ACCOUNTS}{held.pk}/change/",
    ]
    for client in (trader, Client()):
        for url in pages:
            response = client.get(url)
            assert (response.status_code, response["Location"].split("?")[0]) == (302, "/admin/login/")
    assert trader.post(f"{CHARACTERS}{luffy.pk}/change/", {"name": "Mine"}).status_code == 302
    luffy.refresh_from_db()
    assert luffy.name == "Luffy"


def test_staff_see_only_what_they_may(held: User, luffy: Character) -> None:
    writer = UserFactory(is_staff=True)
    writer.user_permissions.add(*Permission.objects.filter(codename__in=("view_crew", "change_crew")))
    client = Client()
    client.force_login(writer)
    assert [app["app_label"] for app in client.get("/admin/").context["app_list"]] == ["crews"]
    change(client, crew := Crew.objects.get(), captain="Luffy")
    assert crew.captain == "Luffy"
    forbidden = [CHARACTERS, USERS, ACCOUNTS, GROUPS, f"{CREWS}add/"]
    forbidden += [f"{CHARACTERS}{luffy.pk}/{page}/" for page in ("change", "delete", "history")]
    forbidden += [f"{ACCOUNTS}{held.pk}/change/", f"{USERS}{held.pk}/delete/", f"{USERS}{held.pk}/password/"]
    assert {url: client.get(url).status_code for url in forbidden} == dict.fromkeys(forbidden, 403)


def test_who_may_only_look_saves_nothing(luffy: Character) -> None:
    reader = UserFactory(is_staff=True)
    reader.user_permissions.add(*Permission.objects.filter(codename__in=("view_character", "view_bountyevent")))
    client = Client()
    client.force_login(reader)
    url = f"{CHARACTERS}{luffy.pk}/change/"
    assert "_save" not in form_at(client, url).buttons
    assert client.post(url, {"name": "Mine", "_save": "Save"}).status_code == 403
    luffy.refresh_from_db()
    assert luffy.name == "Luffy"


# --- hostile input

HOSTILE = [
    "?q=%00", "?q=%EF%BF%BF", "?q=" + "a" * 3000, "?q='%22%3B--", "?e=1", "?o=999", "?o=-999.1", "?o=x", "?p=-1", "?p=9999999",
    "?p=x", "?all=1", "?is_active__exact=x", "?is_active__exact=%00", "?crew__id__exact=99999999999999999999",
    "?crew__id__exact=x", "?user__password__startswith=a", "?password__startswith=a", "?nosuch=1", "?_to_field=password",
    "?_popup=1", "?_changelist_filters=%00", "99999999999999/change/", "99999999999999999999999/change/", "x/change/",
    "-1/change/", "_00/change/", "1_2F/change/", "99999999999999/delete/", "x/delete/", "_00/delete/", "-1/delete/",
    "99999999999999/history/", "x/history/", "%00/change/",
]  # fmt: skip


@pytest.mark.parametrize("base", LISTS)
def test_no_address_breaks_the_admin(staff: Client, held: User, base: str) -> None:
    """The test client raises what the site would answer with a 500."""
    Group.objects.create(name="Writers")
    answers = {address: staff.get(base + address).status_code for address in HOSTILE}
    assert not {address: status for address, status in answers.items() if status >= 500}


def test_no_form_breaks_the_admin(staff: Client, luffy: Character) -> None:
    url = f"{CHARACTERS}{luffy.pk}/change/"
    form = form_at(staff, url).values
    for name, value in {
        "name": "a\0b", "crew": "99999999999999999999", "aliases": "a,,\0", "is_active": "perhaps",
        "bounty_events-TOTAL_FORMS": "-1", "bounty_events-INITIAL_FORMS": "x", "description": "",
    }.items():  # fmt: skip
        response = staff.post(url, {**form, name: value, "_save": "Save"})
        assert response.status_code < 500, name
    for amount, chapter in (("-1", "1"), ("9" * 30, "1"), ("1", "0"), ("1", "9" * 12), ("NaN", "x")):
        line = {"bounty_events-0-amount": amount, "bounty_events-0-chapter": chapter}
        assert staff.post(url, {**form, **line, "_save": "Save"}).status_code == 200, (amount, chapter)
    assert BountyEvent.objects.count() == 1
