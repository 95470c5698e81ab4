#!/usr/bin/env python
"""Run a command of the market. Servers are found or started first, so that every command just works."""

import os
import signal
import sys

WITHOUT_SERVERS = {"help", "--help", "-h", "--version", "version"}


def main() -> None:
    """Run one command; say in one sentence what is wrong with the configuration or the servers."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an orderly end lets go of the servers
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "onepiece_market.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        if len(sys.argv) > 1 and not WITHOUT_SERVERS.intersection(sys.argv):
            from onepiece_market import servers

            servers.ensure(print if sys.argv[1] == "up" else lambda _: None)
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)
    except ImproperlyConfigured as error:
        sys.exit(f"error: {error}")
    except Exception as error:
        if type(error).__name__ != "ServerError":
            raise
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
