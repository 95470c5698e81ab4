"""What a save's own renewal guarantees, with the relay at rest: it comes after the commit, and no load from before survives."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from caching import queries
from characters.models import BountyEvent, Character, Listing
from characters.selectors import character_data
from crews.models import Crew
from crews.signals import rows_written
from tests.factories import CharacterFactory, CrewFactory

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


@pytest.mark.parametrize("write", [save_the_crew, save_the_listing, announce_a_bounty, delete_a_bounty])
def test_a_character_is_stale_by_all_that_it_shows(zoro: Character, write: Callable[[Character], None]) -> None:
    loads: list[int] = []
    name(zoro.pk)
    write(zoro)
    name(zoro.pk, lambda: loads.append(1))
    name(zoro.pk, lambda: loads.append(1))
    assert loads == [1]
