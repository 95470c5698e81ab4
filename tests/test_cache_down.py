"""The cache hangs, dies, comes back, and comes back with an old file: pages and logins go on, nothing stale survives."""

import os
import threading
import time
import warnings
from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client
from django_redis import get_redis_connection
from hiredis import pack_command
from redis import RedisError
from redis.exceptions import MaxConnectionsError
from redis.exceptions import TimeoutError as RedisTimeoutError

from caching import client as guarded
from caching import queries
from caching.breaker import Breaker
from caching.pool import Pool
from caching.relay import relay
from caching.service import connection, place_of
from characters.models import Character
from tests.factories import CharacterFactory, UserFactory
from tests.valkey import Valkey

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not settings.EMBEDDED_VALKEY, reason="starts the embedded Valkey's program"),
]


PING = pack_command(("PING",))


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something that comes by itself. Raises AssertionError when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline


def closed() -> bool:
    return not guarded.BREAKER.is_open


@pytest.fixture
def trader() -> Client:
    """A browser that is logged in."""
    client = Client()
    client.force_login(UserFactory(username="nami"))
    return client


def works(trader: Client) -> None:
    """Expect that pages are served, that nobody is logged out, and that one can log in."""
    assert trader.get("/").status_code == 200
    assert trader.get("/portfolio/").status_code == 200
    stranger = Client()
    UserFactory(username="usopp", password="").set_password("")
    assert stranger.get("/crews/").status_code == 200
    assert stranger.post("/try/", headers={"Origin": "http://testserver"}).status_code == 302
    assert stranger.get("/portfolio/").status_code == 200


def test_with_a_killed_cache_everybody_goes_on(valkey: Valkey, trader: Client) -> None:
    CharacterFactory()
    works_before = trader.get("/portfolio/").status_code
    valkey.kill()
    works(trader)
    assert guarded.BREAKER.is_open
    valkey.start()
    until(closed)
    assert (works_before, trader.get("/portfolio/").status_code) == (200, 200)


def test_a_hung_cache_costs_one_time_out_and_no_more(valkey: Valkey, trader: Client) -> None:
    CharacterFactory()
    trader.get("/portfolio/")
    valkey.hang()
    started = time.monotonic()
    trader.get("/portfolio/")
    assert guarded.BREAKER.is_open
    for _ in range(10):
        assert trader.get("/portfolio/").status_code == 200
    assert guarded.BREAKER.opened == 1
    assert time.monotonic() - started < 10 * 0.1  # eleven time-outs would be more
    valkey.wake()
    until(closed)


def test_a_read_opens_the_breaker_and_stays_behind_it(valkey: Valkey) -> None:
    queries.TOP_CHARACTERS(3)
    valkey.hang()
    assert queries.TOP_CHARACTERS(3) == []
    assert guarded.BREAKER.is_open
    place = place_of(queries.TOP_CHARACTERS, (3,))
    with pytest.raises(guarded.OpenError):
        connection().ask(place.look)
    assert guarded.BREAKER.opened == 1


def test_a_read_after_a_restart_of_the_server_makes_its_connection_anew(valkey: Valkey) -> None:
    queries.TOP_CHARACTERS(3)
    valkey.kill()
    valkey.start()
    place = place_of(queries.TOP_CHARACTERS, (3,))
    assert len(connection().ask(place.look)) == len(place.tokens) + 1
    assert not guarded.BREAKER.opened


def test_a_pipeline_opens_the_breaker_and_stays_behind_it(valkey: Valkey) -> None:
    connection().ping()
    valkey.hang()
    with pytest.raises(RedisTimeoutError):
        connection().pipeline().ping().execute()
    assert guarded.BREAKER.is_open
    with pytest.raises(guarded.OpenError):
        connection().pipeline().ping().execute()


def test_a_process_that_is_busy_does_not_take_the_cache_for_lost(valkey: Valkey) -> None:
    pool = Pool.from_url(valkey.url, max_connections=1)
    taken = pool.get_connection()
    busy = guarded.GuardedRedis(connection_pool=pool)
    for ask in (busy.ping, busy.pipeline().ping().execute):
        with pytest.raises(MaxConnectionsError):
            ask()
    assert busy.ask(PING) == b"PONG"  # by a connection of its own
    assert not guarded.BREAKER.is_open
    pool.release(taken)
    assert busy.ping()


def test_a_logout_while_the_cache_is_away_stays_a_logout(valkey: Valkey) -> None:
    """What is stored of a session would let him in again."""
    browser = Client()
    browser.force_login(UserFactory(username="robin"))
    browser.get("/portfolio/")
    cookie = browser.cookies["sessionid"].value
    valkey.hang()
    browser.post("/logout/")
    valkey.wake()
    until(closed)
    again = Client()
    again.cookies["sessionid"] = cookie
    assert again.get("/portfolio/").status_code == 302


def test_a_restart_with_an_old_file_revives_nothing(valkey: Valkey) -> None:
    zoro = CharacterFactory(name="Zoro")
    queries.CHARACTER_DATA(zoro.pk)
    key = place_of(queries.CHARACTER_DATA, (zoro.pk,)).key
    get_redis_connection("sessions").set("logged out", b"since")
    kept = valkey.keep()
    Character.objects.filter(pk=zoro.pk).update(name="Zolo")
    relay()
    assert queries.CHARACTER_DATA(zoro.pk)["name"] == "Zolo"
    valkey.kill()
    valkey.restore(kept)
    valkey.start()
    assert b"Zoro" in valkey.client(1).get(key)  # the control: the file is old
    assert queries.CHARACTER_DATA(zoro.pk)["name"] == "Zolo"  # the first read after it
    assert get_redis_connection("sessions").get("logged out") is None


def test_what_one_process_has_forgotten_another_does_not_forget_again(valkey: Valkey) -> None:
    zoro = CharacterFactory(name="Zoro")
    queries.CHARACTER_DATA(zoro.pk)
    key = place_of(queries.CHARACTER_DATA, (zoro.pk,)).key
    for name in ("another process", "and one more"):
        with guarded.GuardedRedis(
            connection_pool=Pool.from_url(f"{valkey.url}?db=1", client_name=name.replace(" ", "-"))
        ) as other:
            assert other.exists(key)


def test_a_key_that_is_evicted_makes_who_knows_the_server_forget_nothing(valkey: Valkey) -> None:
    zoro = CharacterFactory(name="Zoro")
    queries.CHARACTER_DATA(zoro.pk)
    connection().delete("market:run")
    connection().connection_pool.disconnect()
    assert connection().exists(place_of(queries.CHARACTER_DATA, (zoro.pk,)).key)


def test_every_thread_asks_by_a_connection_of_its_own(valkey: Valkey) -> None:
    pool, others = connection().connection_pool, list[object]()
    mine = pool.own()
    thread = threading.Thread(target=lambda: others.append(pool.own()))
    thread.start()
    thread.join()
    assert pool.own() is mine
    assert others != [mine]


def in_a_fork(holds: Callable[[], bool]) -> bool:
    """Return whether it holds in a process that is forked from this one."""
    with warnings.catch_warnings(action="ignore"):  # of threads that stay behind: this is about them
        pid = os.fork()
    if not pid:
        try:
            os._exit(0 if holds() else 1)
        finally:
            os._exit(2)
    return os.waitpid(pid, 0)[1] == 0


def test_a_forked_process_does_not_share_the_connection_of_its_parent(valkey: Valkey) -> None:
    mine = connection().connection_pool.own()
    assert connection().ask(PING) == b"PONG"
    assert in_a_fork(lambda: connection().connection_pool.own() is not mine and connection().ask(PING) == b"PONG")
    assert connection().ask(PING) == b"PONG"


def test_a_process_that_is_forked_while_the_breaker_is_open_asks_for_itself(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "BREAKER", Breaker(pause=60))
    valkey.hang()
    with pytest.raises(RedisTimeoutError):
        connection().ask(PING)
    valkey.wake()
    assert guarded.BREAKER.is_open
    assert in_a_fork(lambda: connection().ask(PING) == b"PONG")


def test_who_is_interrupted_does_not_leave_his_answer_to_the_next(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    connection().ask(PING)
    with monkeypatch.context() as patch:
        patch.setattr(connection().connection_pool.connection_class, "read_response", interrupted)
        with pytest.raises(KeyboardInterrupt):
            connection().ask(PING)
    assert connection().ask(pack_command(("ECHO", "mine"))) == b"mine"


def test_a_relay_that_the_cache_does_not_hear_keeps_its_notes(valkey: Valkey) -> None:
    zoro = CharacterFactory(name="Zoro")
    relay()
    queries.CHARACTER_DATA(zoro.pk)
    valkey.kill()
    Character.objects.filter(pk=zoro.pk).update(name="Zolo")
    with pytest.raises(RedisError):
        relay()
    valkey.start()
    until(closed)
    assert relay() != []
    assert queries.CHARACTER_DATA(zoro.pk)["name"] == "Zolo"


def test_a_full_cache_evicts_and_stays_right(valkey: Valkey) -> None:
    zoro = CharacterFactory(name="Zoro")
    queries.CHARACTER_DATA(zoro.pk)
    raw = valkey.client(1)
    raw.config_set("maxmemory", "3mb")
    before = raw.info("stats")["evicted_keys"]
    filled = 0
    while get_redis_connection("default").keys("market:*"):
        raw.set(f"filler:{filled}", b"x" * 20_000)
        filled += 1
    assert raw.info("stats")["evicted_keys"] > before
    Character.objects.filter(pk=zoro.pk).update(name="Zolo")
    assert queries.CHARACTER_DATA(zoro.pk)["name"] == "Zolo"  # nothing is left that could be stale


def test_many_threads_make_one_load_of_a_missing_key(valkey: Valkey) -> None:
    zoro = CharacterFactory(name="Zoro")
    loads, started = [], threading.Event()

    def load(pk: int) -> dict[str, int]:
        loads.append(pk)
        started.wait(10)
        return {"id": pk}

    row = queries.CHARACTER_DATA._replace(load=load)
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(row(zoro.pk))) for _ in range(50)]
    for thread in threads:
        thread.start()
    until(lambda: len(loads) == 1)
    started.set()
    for thread in threads:
        thread.join()
    assert (len(loads), got) == (1, [{"id": zoro.pk}] * 50)
