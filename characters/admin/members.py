"""New members, typed inside their crew's form."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from characters.admin.forms import MemberForm
from characters.models import Character


class NewMemberInline(admin.StackedInline):
    """Lines for new members. Those that are there are linked above: a crew of 100,000 is no form."""

    model = Character
    form = MemberForm
    fields = (("name", "epithet"), ("bounty", "chapter", "first_chapter"), ("aliases", "devil_fruit"), "description")
    extra = 1
    verbose_name = "new member"
    verbose_name_plural = "new members: saved together with the crew"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Character]:
        """Load no member."""
        return super().get_queryset(request).none()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Members are mended on their own pages."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Members are seen on their own pages."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted here."""
        return False
