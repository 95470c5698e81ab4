"""The group "Desk": what plain staff may do."""

from typing import Any

from django.contrib.auth.models import Group, Permission

NAME = "Desk"
MAY = {
    "crews": ("view_crew", "add_crew", "change_crew", "view_change"),
    "characters": (
        "view_character", "add_character", "change_character", "view_bountyevent", "add_bountyevent", "view_import", "add_import",
    ),
    "trading": ("view_account", "view_user", "view_marketrules", "run_market"),
}  # fmt: skip


def make_desk_group(using: str = "owner", **_: Any) -> None:
    """Make the group once, with its permissions; what staff change of it afterwards stays."""
    group, is_new = Group.objects.using(using).get_or_create(name=NAME)
    if is_new:
        of = Permission.objects.using(using)
        group.permissions.set(
            [pk for app, names in MAY.items() for pk in of.filter(content_type__app_label=app, codename__in=names)]
        )
