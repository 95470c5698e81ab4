"""Drills: what takes too long, or breaks too much, for the test run. `uv run python -m tests.drills NAME [--json]`."""
