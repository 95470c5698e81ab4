"""Which index each page uses at 100,000 characters. Plans and buffers only: a time would depend on the machine."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from django.db import connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.text import slugify

import sql
from characters.board import SORTS, BoardQuery
from characters.bounties import bounty_history
from characters.models import Character
from characters.selectors import board, crew_members, crew_totals, quote, suggestions
from crews.models import Crew
from crews.selectors import crew_choices, crew_numbers, crew_profile
from tests.conftest import FLUSH
from tests.test_pages import COSTS
from tests.test_pages import statements as sent
from tests.test_search import load_bundled, recall
from trading.models import Holding, User
from trading.selectors import desk, history, portfolio

pytestmark = pytest.mark.django_db  # what a test locks or drops is rolled back; the rows stay until the module's end

# 8,000 first and 8,000 last words: each occurs about a dozen times, as in real names. One in seven has no bounty,
# one in nineteen is inactive, one in twenty-three cannot be traded, one in eleven has no crew.
CHARACTERS = """
INSERT INTO crews (name, captain) SELECT 'Crew ' || n, 'Captain ' || n FROM generate_series(1, 200) n;
INSERT INTO characters (name, crew_id, epithet, description, bounty, is_active, is_tradeable)
SELECT
    initcap(s[1 + n % 20] || s[1 + n / 20 % 20] || s[1 + n / 400 % 20]) || ' '
    || initcap(s[1 + n / 8000 % 20] || s[1 + n / 37 % 20] || s[1 + n / 740 % 20]),
    CASE WHEN n % 11 > 0 THEN (SELECT min(id) FROM crews) + n % 200 END,
    'the ' || s[1 + n / 3 % 20] || s[1 + n / 60 % 20], 'Number ' || n || ' at sea.',
    CASE WHEN n % 7 > 0 THEN (5e9 * random() ^ 3)::bigint END, n % 19 > 0, n % 23 > 0
FROM generate_series(1, 100000) n,
    (SELECT '{ba,chu,do,fei,gar,hi,jin,ka,lo,mor,ne,or,pu,qua,rin,sa,tze,ur,vi,wen}'::text [] AS s) AS syllables
"""
TRADES = """
INSERT INTO users (username, password, is_superuser, first_name, last_name, email, is_staff, is_active, date_joined)
SELECT 'trader' || n, '!', false, '', '', '', false, true, now() FROM generate_series(1, 200) n;
SET LOCAL ROLE market_system;
INSERT INTO accounts (user_id, balance, last_entry_at) SELECT id, 100000, now() FROM users;
INSERT INTO holdings (user_id, character_id, quantity, cost_basis)
SELECT u.id, c.first + (u.id * 37 + n * 991) % 90000, 1, 10
FROM users u, generate_series(1, 100) n, (SELECT min(id) AS first FROM characters) c;
INSERT INTO ledger_entries
    (user_id, character_id, created_at, trade_id, quantity, quantity_after, kind, price, fee, amount, balance_after)
SELECT user_id, character_id, now() - character_id * interval '1 s', gen_random_uuid(), 1, 1, 'buy', 10, 0, -10, 100000
FROM holdings
"""
ANALYZE = "VACUUM ANALYZE crews, characters, users, accounts, holdings, ledger_entries, bounty_events, listings"


class Sea(NamedTuple):
    """Somebody to look at: a crew, one of its members (a misspelling as well), and a trader who holds him."""

    crew: int
    character: int
    name: str
    misspelt: str
    trader: int


class Plan(NamedTuple):
    """What a statement reads: indexes by name, tables from end to end, and 8 kB buffers (0 unless it was run)."""

    indexes: set[str]
    scanned: set[str]
    buffers: int


Read = Callable[[Sea], object]


def asked(**query: Any) -> Read:
    """Return a read of the board."""
    return lambda _: board(BoardQuery(**query))


# Each page's read, and for each of its statements in order the index that it must use ("or": either serves).
PAGES: dict[str, tuple[Read, list[str]]] = {
    "crew list": (lambda sea: crew_members(sea.crew), ["idx_characters_crew_bounty"] * 2),
    "sort cap": (asked(sort="cap"), ["idx_characters_cap_page"]),
    "sort bounty": (asked(sort="bounty"), ["idx_characters_active_only"]),
    "sort price-high": (asked(sort="price-high"), ["idx_characters_price_page"]),
    "sort price-low": (asked(sort="price-low"), ["idx_characters_price_page"]),
    "sort name": (asked(sort="name"), ["characters_name_key or idx_characters_name_active"]),
    "crew filter": (lambda sea: board(BoardQuery(crew=sea.crew)), ["idx_characters_crew_bounty"]),
    "price filter": (
        asked(min_price=Decimal(100), max_price=Decimal(101)), ["idx_characters_price_tradeable or idx_characters_price_page"],
    ),
    "bounty filter": (asked(min_bounty=10**8, max_bounty=10**8 + 10**5), ["idx_characters_active_only"]),
    "history": (lambda sea: history(sea.trader), ["idx_ledger_entries_user_time", "characters_pkey"]),
}  # fmt: skip
CONTROLS = [(page, n) for page in PAGES for n, index in enumerate(PAGES[page][1]) if index != "characters_pkey"]
OTHER_READS: dict[str, Read] = {
    "next page": lambda sea: board(BoardQuery(after=sea.character)),
    "quote": lambda sea: quote(sea.character),
    "bounty history": lambda sea: bounty_history(sea.character),
    "portfolio": lambda sea: portfolio(sea.trader),
    "order ticket": lambda sea: desk(sea.trader, sea.character),
    "crews": lambda _: crew_numbers(),
    "crew": lambda sea: (crew_profile(sea.crew), crew_totals(sea.crew)),
    "crew choices": lambda _: crew_choices(),
}


@pytest.fixture(scope="module", autouse=True)
def sea(django_db_setup: None, django_db_blocker: Any) -> Iterator[Sea]:
    """Commit 100,000 characters, 200 crews, 200 traders with 100 positions each: 6 s. Empty the tables afterwards."""
    with django_db_blocker.unblock(), connections["owner"].cursor() as cursor:
        try:
            with transaction.atomic(using="owner"):
                cursor.execute("SELECT setseed(0.5)")
                cursor.execute(CHARACTERS)
                cursor.execute(TRADES)
            cursor.execute(ANALYZE)
            crew = Crew.objects.using("owner").order_by("id")[99].pk
            one = Character.objects.using("owner").active().filter(crew=crew, bounty__gt=0, holdings__isnull=False)[0]
            holder = Holding.objects.using("owner").filter(character=one.pk)[0].user_id
            yield Sea(crew, one.pk, one.name, one.name.replace("a", "ua").lower(), holder)
        finally:
            cursor.execute(FLUSH)


@pytest.fixture(autouse=True)
def _bound(sea: Sea, db: None) -> None:
    """Bind the test's transaction to the trader, as a request's would be."""
    with connections["default"].cursor() as cursor:
        cursor.execute(f"SET LOCAL market.user_id = '{sea.trader}'")


def statements(read: Read, sea: Sea) -> list[str]:
    """Return the SELECTs that this read sends as market_app, with their values. Leaves no lock behind."""
    with transaction.atomic():
        with CaptureQueriesContext(connections["default"]) as captured:
            read(sea)
        transaction.set_rollback(True)
    return [query["sql"] for query in captured if query["sql"].startswith("SELECT")]


def plan(statement: str, using: str = "default", *, run: bool = False) -> Plan:
    """Return the plan of one statement, with the buffers of an actual run if asked for. Leaves no lock behind."""
    options = "FORMAT JSON, ANALYZE, BUFFERS" if run else "FORMAT JSON"
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(f"EXPLAIN ({options}) {statement}")
        top = cursor.fetchone()[0][0]["Plan"]
        transaction.set_rollback(True, using=using)
    nodes = list(_nodes(top))
    return Plan(
        {node["Index Name"] for node in nodes if "Index Name" in node},
        {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"},
        top.get("Shared Hit Blocks", 0) + top.get("Shared Read Blocks", 0),
    )


def plan_without(statement: str, indexes: list[str], *, run: bool = False) -> Plan:
    """Return the plan as market_owner with these indexes dropped, and roll the drop back."""
    with transaction.atomic(using="owner"):
        with connections["owner"].cursor() as cursor:
            for index in indexes:
                unique = index.endswith("_key")
                cursor.execute(f"ALTER TABLE characters DROP CONSTRAINT {index}" if unique else f"DROP INDEX {index}")
        found = plan(statement, "owner", run=run)
        transaction.set_rollback(True, using="owner")
    return found


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def page_after(query: BoardQuery, pages: int) -> BoardQuery:
    """Turn over this many pages, as a reader would."""
    for _ in range(pages):
        query = query._replace(after=board(query).after)
        assert query.after is not None
    return query


@pytest.mark.parametrize("page", PAGES)
def test_each_page_uses_its_index(sea: Sea, page: str) -> None:
    """Every statement of the page, planned as market_app."""
    read, wanted = PAGES[page]
    plans = [plan(statement) for statement in statements(read, sea)]
    assert len(plans) == len(wanted)
    for found, index in zip(plans, wanted, strict=True):
        assert found.indexes & set(index.split(" or ")), found


def test_every_order_of_the_board_has_its_index() -> None:
    """An order added to the board needs a row above."""
    assert {f"sort {order}" for order in SORTS} == {page for page in PAGES if page.startswith("sort ")}


@pytest.mark.parametrize(("page", "number"), CONTROLS)
def test_without_its_index_a_page_is_planned_otherwise(sea: Sea, page: str, number: int) -> None:
    """Negative control of the test above: the same statement, the index dropped in a transaction rolled back."""
    read, wanted = PAGES[page]
    statement, indexes = statements(read, sea)[number], wanted[number].split(" or ")
    assert plan(statement, "owner").indexes & {*indexes}
    assert not plan_without(statement, indexes).indexes & {*indexes}


@pytest.mark.parametrize("page", ["sort bounty"])
def test_without_its_index_a_page_scans_all_characters(sea: Sea, page: str) -> None:
    """Negative control of the test below."""
    read, wanted = PAGES[page]
    assert "characters" in plan_without(statements(read, sea)[-1], wanted[-1:]).scanned


@pytest.mark.parametrize("page", [*PAGES, *OTHER_READS])
def test_no_page_scans_all_characters(sea: Sea, page: str) -> None:
    """Neither characters nor any table that grows with traders is read from end to end."""
    read = OTHER_READS.get(page) or PAGES[page][0]
    plans = [plan(statement) for statement in statements(read, sea)]
    assert plans
    for found in plans:
        assert not found.scanned - {"crews", "crew_analytics", "market_rules"}, found


@pytest.mark.parametrize("order", ["cap", "bounty", "price-high", "name"])
def test_page_200_costs_what_page_1_costs(sea: Sea, order: str) -> None:
    """Keyset pages: the same index, and at most 1.5 times the buffers."""
    query = BoardQuery(sort=order)
    first = plan(statements(lambda _: board(query), sea)[-1], run=True)
    later = page_after(query, 199)
    far = plan(statements(lambda _: board(later), sea)[-1], run=True)
    assert (far.indexes, far.scanned) == (first.indexes, first.scanned)
    assert 0 < far.buffers <= 1.5 * first.buffers


def test_an_offset_costs_more_the_further_one_reads(sea: Sea) -> None:
    """Negative control: page 200 by OFFSET reads what it skips."""
    (first,) = statements(asked(), sea)
    assert plan(f"{first} OFFSET 9950", run=True).buffers > 20 * plan(first, run=True).buffers


@pytest.mark.parametrize("order", ["cap", "price-low", "price-high"])
def test_a_page_among_equal_prices_costs_what_page_1_costs(sea: Sea, order: str) -> None:
    """One in seven characters has no bounty, so all cost the same: their pages must not sort them all each time."""
    equal = Character.objects.using("owner").tradeable().filter(bounty__isnull=True).order_by("id").values_list("id", flat=True)
    middle = equal[equal.count() // 2]
    first = plan(statements(asked(sort="cap"), sea)[-1], run=True)
    among = statements(asked(sort=order, after=middle), sea)[-1]
    assert 0 < plan(among, run=True).buffers <= 1.5 * first.buffers
    without = plan_without(among, PAGES[f"sort {order}"][1], run=True)  # negative control: the module's index
    assert without.buffers > 3 * first.buffers


# Each step of the search, by its name in search_characters, and the index that it must use.
STEPS = {
    "exact": "idx_characters_search",
    "started": "idx_characters_search",
    "worded": "idx_characters_search",
    "spelled": "idx_characters_spelling",
    "sounding": "idx_characters_search",
}
MOST = {"exact": 500, "started": 500, "worded": 500, "spelled": 2000, "sounding": 500}
SEARCHES = ["{name}", "{word}", "{misspelt}", "nobody at all", "sea", "number at sea", "the", "the {word}", "b", "crew 7"]


def search_plan(text: str, using: str = "default", *, generic: bool = False, without: str = "") -> dict[str, dict[str, Any]]:
    """Run what search_characters runs under its settings, an index dropped if asked for; return each step's plan."""
    parameters = (text, 50, None, None, None, None, None)
    types = "text, integer, integer, numeric, numeric, bigint, bigint"
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT prosrc, proargnames, proconfig FROM pg_proc WHERE proname = 'search_characters'")
        body, names, settings = cursor.fetchone()
        for number, name in enumerate(names[:7], 1):
            body = re.sub(rf"\b{name}\b", f"${number}", body)
        for setting in [*settings, f"plan_cache_mode=force_{'generic' if generic else 'custom'}_plan"]:
            cursor.execute("SELECT set_config(split_part(%s, '=', 1), split_part(%s, '=', 2), true)", [setting, setting])
        if without:
            cursor.execute(f"DROP INDEX {without}")
        cursor.execute("DEALLOCATE ALL")  # a test that failed before may have left it
        cursor.execute(f"PREPARE search ({types}) AS {body}".replace("%", "%%"), [])
        cursor.execute("EXPLAIN (FORMAT JSON, ANALYZE, BUFFERS) EXECUTE search (%s, %s, %s, %s, %s, %s, %s)", parameters)
        top = cursor.fetchone()[0][0]["Plan"]
        cursor.execute("DEALLOCATE search")
        transaction.set_rollback(True, using=using)
    return {name: node for node in _nodes(top) if (name := node.get("Subplan Name", "").removeprefix("CTE ")) in STEPS}


@pytest.mark.parametrize("generic", [False, True])
@pytest.mark.parametrize("search", SEARCHES)
def test_each_step_of_a_search_uses_its_gin_index_and_stops_early(sea: Sea, search: str, generic: bool) -> None:
    """Rare words, common words, misspelt ones and none: planned for this text, and for any."""
    text = search.format(name=sea.name, word=sea.name.split()[0], misspelt=sea.misspelt)
    steps = search_plan(text, generic=generic)
    assert steps.keys() == STEPS.keys()
    for step, top in steps.items():
        nodes = [node for node in _nodes(top) if node["Actual Loops"]]  # below a Result with nothing to look for nothing runs
        assert {node["Index Name"] for node in nodes if "Index Name" in node} <= {STEPS[step]}
        assert not [node for node in nodes if node["Node Type"] == "Seq Scan"]
        assert {"Bitmap Index Scan", "Result"} & {node["Node Type"] for node in nodes}
        assert top["Actual Rows"] <= MOST[step]


@pytest.mark.parametrize(("step", "index"), STEPS.items())
def test_without_its_gin_index_a_step_is_planned_otherwise(sea: Sea, step: str, index: str) -> None:
    """Negative control of the test above."""
    used = [
        {node.get("Index Name") for node in _nodes(search_plan(sea.misspelt, "owner", without=dropped)[step])}
        for dropped in ("", index)
    ]
    assert (index in used[0], index in used[1]) == (True, False)


def test_the_planner_left_alone_would_scan_all_characters_for_a_common_word() -> None:
    """Why the function says enable_seqscan = off: the same step as a plain statement."""
    step = "SELECT id FROM characters WHERE search @@ search_query('sea', 'words')"
    assert plan(f"{step} LIMIT 500").scanned == {"characters"}


def test_a_search_costs_one_query_at_any_size(sea: Sea) -> None:
    """And so do suggestions."""
    for search in SEARCHES:
        text = search.format(name=sea.name, word=sea.name.split()[0], misspelt=sea.misspelt)
        assert len(statements(lambda _, text=text: board(BoardQuery(q=text)), sea)) == 1
        assert len(statements(lambda _, text=text: suggestions(text), sea)) == 1


def test_among_100_000_others_the_held_half_is_still_found(sea: Sea) -> None:
    """The characters that come with the market, in a crowd whose names are made of the same syllables."""
    load_bundled()
    figures = recall("held")
    print(f"\nheld, among 100,000 others: {figures}")  # noqa: T201  shown by -s
    assert figures.holds


def test_counting_holders_uses_the_index_of_holdings(sea: Sea) -> None:
    """The trigger's count before a DELETE, as its owner market_system, and the admin's, as market_owner."""
    count = "SELECT count(*) FROM holdings WHERE character_id = OLD.id"
    assert count in sql.read("functions/refuse_deleting_held")
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SET LOCAL ROLE market_system")
        assert plan(count.replace("OLD.id", str(sea.character)), "owner").indexes == {"idx_holdings_character"}
        cursor.execute("RESET ROLE")
        with CaptureQueriesContext(connections["owner"]) as captured:
            assert Holding.objects.using("owner").filter(character_id=sea.character).count() > 0
    assert plan(captured[0]["sql"], "owner").indexes == {"idx_holdings_character"}


def test_each_page_asks_as_many_queries_as_with_3_characters(sea: Sea) -> None:
    stranger, trader = Client(), Client()
    trader.force_login(User.objects.get(pk=sea.trader))
    names = {"pirate-000": slugify(sea.name), "straw-hat-pirates": "crew-100"}
    costs = []
    for address, signed_in, _ in COSTS:
        visitor, place = trader if signed_in else stranger, address
        for name, here in names.items():
            place = place.replace(name, here)
        place = place.format(first=sea.character, second=sea.character + 1, crew=sea.crew)
        visitor.get(place)
        costs.append((address, signed_in, len(sent(lambda v=visitor, p=place: v.get(p).status_code == 200 or pytest.fail(p)))))
    assert costs == COSTS


def test_the_sea_is_as_large_as_the_claim(sea: Sea) -> None:
    """What the plans above were made for; the words of a name are rare, as in real names."""
    assert (Character.objects.count(), Crew.objects.count(), User.objects.count()) == (100_000, 200, 200)
    assert 0 < Character.objects.filter(name__startswith=f"{sea.name.split()[0]} ").count() < 100
