"""Change lists that cost the same at 1,000,000 rows: no COUNT(*) of a whole table, and no page a thousand rows deep."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connections
from django.utils.functional import cached_property

MOST = 1000


class BoundedPaginator(Paginator):
    """Pages of the first 1,000 rows. What lies behind them is estimated; a search or a filter brings it forward."""

    object_list: Any  # a QuerySet

    @cached_property
    def found(self) -> int:
        """Return how many rows there are, looking at no more than 1,001. One query."""
        return int(self.object_list.order_by().values("pk")[: MOST + 1].count())

    @cached_property
    def count(self) -> int:
        """Return how many rows can be paged through."""
        return min(self.found, MOST)

    @cached_property
    def described(self) -> str:
        """Return the number as a person says it. One query: the planner's estimate, whatever the number."""
        estimate = _estimate(self.object_list)
        if self.found <= MOST:
            return f"{self.found:,}"
        if self.object_list.query.where or estimate <= MOST:
            return f"more than {MOST:,}"
        return f"about {estimate:,}"

    @property
    def is_cut(self) -> bool:
        """Return whether there are rows that no page shows."""
        return self.found > MOST


class BoundedAdmin(admin.ModelAdmin):
    """A change list that pages by BoundedPaginator."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0


def _estimate(rows: Any) -> int:
    """Return how many rows the planner believes the table to have."""
    with connections[rows.db].cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [rows.model._meta.db_table])
        return int(cursor.fetchone()[0])
