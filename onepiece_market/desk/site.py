"""The staff's desk: Django's admin, with a start page of work to do."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.templatetags.static import static

from characters.work import counts, failed_imports
from crews.changes import latest
from crews.selectors import analytics_time


class DeskSite(admin.AdminSite):
    """The admin in our colours."""

    site_header = site_title = "One Piece Market"
    index_title = "Staff's desk"
    enable_nav_sidebar = False  # its script filters the apps by typing; the start page is one click away

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add our stylesheet and icon."""
        return {
            **super().each_context(request),
            "desk_css": static("desk.css"),
            "desk_js": static("desk.js"),
            "icon": static("favicon.svg"),
        }

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show what there is to do, to those who may do it."""
        user: Any = request.user
        context: dict[str, Any] = {"may_enter": user.has_perms(["crews.add_crew", "characters.add_character"])}
        if user.has_perm("characters.view_character"):
            context |= {"work": counts(), "analytics_time": analytics_time()}
        if user.has_perm("characters.view_import"):
            context |= {"failed": failed_imports(), "may_import": user.has_perm("characters.add_import")}
        if user.has_perm("crews.view_change"):
            context["entries"] = latest(10)
        return super().index(request, {**context, **(extra_context or {})})
