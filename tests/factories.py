"""Crews, characters and traders for tests. They are written as market_app, as the site would."""

import factory
from factory.django import DjangoModelFactory

from characters.models import Character
from crews.models import Crew
from trading.models import User


class CrewFactory(DjangoModelFactory[Crew]):
    """A crew with a name of its own."""

    class Meta:
        model = Crew

    name = factory.Sequence(lambda n: f"Crew {n}")
    captain = "Somebody"


class CharacterFactory(DjangoModelFactory[Character]):
    """A tradeable character. Its price follows from its bounty: 0.05 * sqrt(bounty), here 100.00."""

    class Meta:
        model = Character
        skip_postgeneration_save = True

    name = factory.Sequence(lambda n: f"Character {n}")
    description = "Somebody at sea."
    bounty = 4_000_000

    @factory.post_generation
    def reload(self: Character, create: bool, extracted: object, **kwargs: object) -> None:
        """Read what the database's triggers wrote (price, market cap)."""
        if create:
            self.refresh_from_db()


class UserFactory(DjangoModelFactory[User]):
    """A trader with an open account of 100,000.00."""

    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"trader{n}")
