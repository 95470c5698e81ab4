"""What a save's own renewal guarantees, with the relay at rest: it comes after the commit, and no load from before survives."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import update_last_login
from django.db import transaction

from caching import queries
from caching.keys import any_of
from caching.prices import prices
from caching.service import connection
from caching.tokens import token_keys
from characters.loading import read_table
from characters.models import BountyEvent, Character, Listing
from characters.selectors import character_data
from characters.services import restore_bounty, write_characters, write_crews
from crews.models import Crew
from crews.signals import rows_written
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from trading.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def zoro(transactional_db: None) -> Character:
    """Somebody who will be renamed, as the owner's connection knows him: reads go over another."""
    pk = CharacterFactory(name="Zoro", crew=CrewFactory(name="Straw Hats")).pk
    return Character.objects.using("owner").select_related("crew").get(pk=pk)


def rename(character: Character, name: str) -> None:
    """Save a new name."""
    character.name = name
    character.save(update_fields=["name"])


def name(pk: int, between: Callable[[], None] = lambda: None) -> str:
    """Read a name; do something between the query and its being stored."""

    def load(pk: int) -> dict[str, Any]:
        data = character_data(pk)
        between()
        return data

    return str(queries.CHARACTER_DATA._replace(load=load)(pk)["name"])


def test_what_was_loaded_before_the_renewal_is_not_stored_as_fresh(zoro: Character) -> None:
    assert name(zoro.pk, lambda: rename(zoro, "Zolo")) == "Zoro"  # he began before
    assert name(zoro.pk) == "Zolo"


def test_the_renewal_comes_after_the_commit(zoro: Character) -> None:
    with transaction.atomic(using="owner"):
        rename(zoro, "Zolo")
        assert name(zoro.pk) == "Zoro"
    assert name(zoro.pk) == "Zolo"


def test_the_renewal_of_a_bulk_write_comes_after_the_commit(zoro: Character) -> None:
    with transaction.atomic(using="owner"):
        Character.objects.using("owner").filter(pk=zoro.pk).update(name="Zolo")
        rows_written.send(Character, ids=None, using="owner")
        assert name(zoro.pk) == "Zoro"
    assert name(zoro.pk) == "Zolo"


def test_a_savepoint_that_is_rolled_back_renews_nothing_of_what_was_written_in_it(zoro: Character) -> None:
    loads: list[int] = []
    name(zoro.pk)
    with transaction.atomic(using="owner"), transaction.atomic(using="owner"):
        rename(zoro, "Zolo")
        transaction.set_rollback(True, using="owner")
    assert name(zoro.pk, lambda: loads.append(1)) == "Zoro"
    assert loads == []


def save_the_crew(zoro: Character) -> None:
    crew = Crew.objects.using("owner").get(pk=zoro.crew_id)
    crew.name = "Mugiwara"
    crew.save(update_fields=["name"])


def save_the_listing(zoro: Character) -> None:
    Listing.objects.using("owner").get(character_id=zoro.pk).save(update_fields=["halted"])


def announce_a_bounty(zoro: Character) -> None:
    BountyEvent.objects.using("owner").create(character_id=zoro.pk, amount=1)


def delete_a_bounty(zoro: Character) -> None:
    BountyEvent.objects.using("owner").filter(character_id=zoro.pk).delete()


def import_a_file(zoro: Character) -> None:
    with TemporaryDirectory() as folder, transaction.atomic(using="owner"):
        file = Path(folder) / "characters.csv"
        file.write_text("name,description,epithet\nZoro,He is lost.,Pirate Hunter\n", encoding="utf-8")
        write_characters(read_table(file), "owner")


def import_the_crew(zoro: Character) -> None:
    with TemporaryDirectory() as folder, transaction.atomic(using="owner"):
        file = Path(folder) / "crews.csv"
        file.write_text("name,captain\nStraw Hats,Luffy\n", encoding="utf-8")
        write_crews(read_table(file), "owner")


def take_a_bounty_back(zoro: Character) -> None:
    restore_bounty(zoro, None)


WRITES = [
    save_the_crew, save_the_listing, announce_a_bounty, delete_a_bounty, import_a_file, import_the_crew, take_a_bounty_back,
]  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_a_character_is_stale_by_all_that_it_shows(zoro: Character, write: Callable[[Character], None]) -> None:
    loads: list[int] = []
    name(zoro.pk)
    write(zoro)
    name(zoro.pk, lambda: loads.append(1))
    name(zoro.pk, lambda: loads.append(1))
    assert loads == [1]


def test_a_trader_who_logs_in_makes_nothing_stale_and_one_with_another_name_does(transactional_db: None) -> None:
    (place,) = token_keys(settings.CACHE_SPACE, [any_of("trader")])
    nami = User.objects.get(pk=UserFactory().pk)
    tokens = [connection().get(place)]
    update_last_login(User, nami)
    tokens.append(connection().get(place))
    nami.username = "nami"
    nami.save(update_fields=["username"])
    tokens.append(connection().get(place))
    assert tokens[0] is not None
    assert tokens[0] == tokens[1] != tokens[2]


def test_a_price_that_is_not_committed_is_not_written_through(zoro: Character) -> None:
    with transaction.atomic():
        Character.objects.filter(pk=zoro.pk).update(is_active=False)
        Listing.objects.using("owner").get(character_id=zoro.pk).save(update_fields=["halted"])  # committed, and renewed
        transaction.set_rollback(True)
    assert prices([zoro.pk]) == {zoro.pk: zoro.current_price}
