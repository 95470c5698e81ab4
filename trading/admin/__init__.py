"""Users, accounts and the market itself on the staff's desk."""

from trading.admin.accounts import AccountAdmin
from trading.admin.market import MarketAdmin
from trading.admin.users import GroupAdmin, UserAdmin

__all__ = ["AccountAdmin", "GroupAdmin", "MarketAdmin", "UserAdmin"]
