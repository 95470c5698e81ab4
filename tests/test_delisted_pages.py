"""What a trader is shown of a character that left the market: his history, his downloads, his portfolio."""

import csv
import json
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from characters.models import Character
from tests.factories import CharacterFactory, UserFactory
from tests.market import rule
from tests.money import money_of, trade_by_sql
from tests.test_pages import Page, get
from trading.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def trader(client: Client) -> User:
    """Return a trader, logged in, who bought 3 and 1 for 100.00 each, and of whom both were bought back."""
    trader: User = UserFactory()
    for name, quantity in (("Nami", 3), ("Zoro", 1)):
        character = CharacterFactory(name=name)
        trade_by_sql(trader.pk, trader.pk, character.pk, "buy", quantity)
        rule("SELECT delist_character(%s, 100.00)", character.pk)
    client.force_login(trader)
    return trader


def rows(page: Page, css: str) -> list[str]:
    """Return the texts of the history's rows of this kind, latest first."""
    return [" ".join(row.text.split()) for row in page.find("tr", css=css)]


def test_the_history_says_in_words_what_was_bought_back(client: Client, trader: User) -> None:
    page = get(client, "/history/")
    assert len(rows(page, "trade")) == 2  # what he did himself
    zoro, nami = rows(page, "buyback")
    assert "Zoro left the market: your 1 share was bought back at ฿100.00, without a fee" in zoro
    assert "Nami left the market: your 3 shares were bought back at ฿100.00, without a fee" in nami
    assert "+฿300.00" in nami
    assert "elisting" not in client.get("/history/").content.decode()


def test_a_character_that_is_gone_has_a_sentence_too(client: Client, trader: User) -> None:
    rule("DELETE FROM characters WHERE name = 'Nami'")
    assert "A character that is gone left the market: your 3 shares" in rows(get(client, "/history/"), "buyback")[1]


def test_downloads_have_the_buy_back_as_an_entry_of_its_own(client: Client, trader: User) -> None:
    text = b"".join(client.get("/account/ledger.csv")).decode()
    entries = list(csv.DictReader(StringIO(text)))
    assert [entry["kind"] for entry in entries] == ["opening", "buy", "delisting", "buy", "delisting"]
    fields = ("character", "quantity", "quantity_after", "price", "fee", "amount")
    assert [entries[2][name] for name in fields] == ["Nami", "3", "0", "100.00", "0.00", "300.00"]
    data: dict[str, Any] = json.loads(b"".join(client.get("/account/data.json")))
    assert [entry["kind"] for entry in data["ledger"]] == [entry["kind"] for entry in entries]
    assert data["positions"] == []


def test_the_portfolio_counts_it_among_what_was_sold(client: Client, trader: User) -> None:
    """Only the fees of the purchases are lost."""
    page = get(client, "/portfolio/")
    assert page.find("tr", css="position") == [] == [tr for tr in page.find("tr") if "position-" in tr.attributes.get("id", "")]
    assert money_of(trader) == {"balance": Decimal("99996.00")}
    (sold,) = [e.text for e in page.find("div") if e.text.replace("+", "").strip().startswith("Gain of what was sold")]
    assert "−฿4.00" in sold
    assert Character.objects.filter(is_tradeable=False).count() == 2
