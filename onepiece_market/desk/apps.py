"""The admin, as the staff's desk."""

from django.contrib.admin.apps import AdminConfig


class DeskConfig(AdminConfig):
    """Django's admin with our site."""

    default_site = "onepiece_market.desk.site.DeskSite"
