"""README says what is true."""

import re
from pathlib import Path

from caching.queries import table

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_table_of_cached_reads_is_that_of_the_code() -> None:
    """`uv run manage.py cache_stats --table` prints it."""
    (shown,) = re.findall(r"<!-- cached reads -->\n(.*?)\n<!-- /cached reads -->", README, re.DOTALL)
    assert shown == table()
