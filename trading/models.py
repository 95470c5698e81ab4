"""Who trades, what they have, and the ledger that proves it.

Every table with a `user_id` is under row-level security: read it inside `as_user(user)` (trading/binding.py).
Only the SQL functions `open_account`, `execute_trade` and `close_account` write money; the ORM reads it.
"""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.postgres.functions import TransactionNow
from django.db import connections, models, router, transaction
from django.db.models import Q
from django.db.models.functions import Upper

from characters.models import Character


def _amount(name: str, table: str) -> models.CheckConstraint:
    """Return the check of one amount. NaN is greater than every number in PostgreSQL, so `>= 0` alone lets it in."""
    condition = Q((f"{name}__gte", 0), (f"{name}__lt", models.Value("Infinity")))
    return models.CheckConstraint(condition=condition, name=f"{table}_{name}_check")


CLOSED = "closed-"  # what the name of a closed account begins with


class TraderManager(UserManager["User"]):
    """Users, found by name in any case."""

    use_in_migrations = False

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return who logs in with this name: exactly as typed, or in another case if that is one user. One query."""
        found = list(self.filter(username__iexact=username or "")[:100])
        exact = [user for user in found if user.username == username] or found
        if len(exact) != 1:
            raise self.model.DoesNotExist
        return exact[0]


class User(AbstractUser):
    """A person who logs in. The money is in Account: the login row must not be the money row."""

    is_guest = models.BooleanField(db_default=False)  # has not signed up: no password, not ranked, closed after a week away
    is_simulated = models.BooleanField(db_default=False)  # made by simulate_trading: marked wherever it is shown
    last_seen = models.DateField(db_default=TransactionNow())  # to the day: written at most once a day

    objects: ClassVar[TraderManager] = TraderManager()

    class Meta(AbstractUser.Meta):
        db_table = "users"
        constraints = (
            models.UniqueConstraint(
                Upper("email"),
                condition=~Q(email=""),
                name="users_email_key",
                violation_error_message="Another account has this e-mail address.",
            ),
        )
        indexes = (
            models.Index(Upper("username"), name="idx_users_username_upper"),
            models.Index(fields=("last_seen",), condition=Q(is_guest=True), name="idx_users_guests_last_seen"),
        )

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; open the account of a new trader in the same transaction. Staff do not trade."""
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        is_new = self._state.adding
        with transaction.atomic(using=using):
            super().save(*args, **kwargs)
            if is_new and not self.is_staff:
                with connections[using].cursor() as cursor:
                    cursor.execute("SELECT open_account(%s)", [self.pk])


class Account(models.Model):
    """A trader's cash in berries."""

    user = models.OneToOneField(User, models.DO_NOTHING, primary_key=True, related_name="account")
    balance = models.DecimalField(max_digits=20, decimal_places=2)
    last_entry_at = models.DateTimeField()  # the ledger's order survives a clock that steps back
    closed_at = models.DateTimeField(null=True)  # nothing moves any more
    is_counted = models.BooleanField(db_default=False)  # its votes weigh in prices: count_account_at decides
    is_barred = models.BooleanField(db_default=False)  # staff or deactivated: does not trade

    class Meta:
        db_table = "accounts"
        constraints = (_amount("balance", "accounts"),)

    def __str__(self) -> str:
        return f"account of {self.user.username}"


class Holding(models.Model):
    """A position: shares of one character held by one trader. Sold out means no row."""

    pk = models.CompositePrimaryKey("user_id", "character_id")
    user = models.ForeignKey(User, models.DO_NOTHING, db_index=False, related_name="holdings")
    character = models.ForeignKey(Character, models.DO_NOTHING, db_index=False, related_name="holdings")
    quantity = models.IntegerField()
    cost_basis = models.DecimalField(max_digits=20, decimal_places=2)

    class Meta:
        db_table = "holdings"
        constraints = (
            models.CheckConstraint(condition=Q(quantity__gte=1), name="holdings_quantity_check"),
            _amount("cost_basis", "holdings"),
        )
        indexes = (models.Index(fields=("character",), name="idx_holdings_character"),)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.quantity} of {self.character_id}"


class LedgerEntry(models.Model):
    """One movement of money. Append-only: nobody has the privilege to change or delete a row."""

    pk = models.CompositePrimaryKey("user_id", "trade_id")
    user = models.ForeignKey(  # the key goes to accounts: sql/tables/ledger_entries
        User, models.DO_NOTHING, db_index=False, db_constraint=False, related_name="ledger_entries"
    )
    character_id = models.IntegerField(null=True)  # no foreign key: a trade locks no character row
    created_at = models.DateTimeField()
    trade_id = models.UUIDField()
    quantity = models.IntegerField()
    quantity_after = models.IntegerField()
    kind = models.CharField(max_length=10)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    fee = models.DecimalField(max_digits=20, decimal_places=2)
    amount = models.DecimalField(max_digits=20, decimal_places=2)  # signed: what the balance changed by
    balance_after = models.DecimalField(max_digits=20, decimal_places=2)

    class Meta:
        db_table = "ledger_entries"
        constraints = (
            models.CheckConstraint(
                condition=Q(kind__in=("opening", "buy", "sell", "delisting")), name="ledger_entries_kind_check"
            ),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="ledger_entries_quantity_check"),
            models.CheckConstraint(condition=Q(quantity_after__gte=0), name="ledger_entries_quantity_after_check"),
            models.CheckConstraint(
                condition=Q(amount__gt=models.Value("-Infinity"), amount__lt=models.Value("Infinity")),
                name="ledger_entries_amount_check",
            ),
            *(_amount(name, "ledger_entries") for name in ("price", "fee", "balance_after")),
        )
        indexes = (models.Index(fields=("user", "created_at"), name="idx_ledger_entries_user_time"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.trade_id}"


class OrderFlow(models.Model):
    """How much a trade changed its account's vote on a character. The tick consumes it; nobody sees it before."""

    pk = models.CompositePrimaryKey("user_id", "trade_id")
    user = models.ForeignKey(User, models.DO_NOTHING, db_index=False, db_constraint=False, related_name="+")
    character_id = models.IntegerField()
    trade_id = models.UUIDField()
    votes = models.IntegerField()  # micro-votes, signed
    created_at = models.DateTimeField()

    class Meta:
        db_table = "order_flow"

    def __str__(self) -> str:
        return f"{self.votes} for {self.character_id}"


class Watch(models.Model):
    """A trader keeps an eye on a character."""

    pk = models.CompositePrimaryKey("user_id", "character_id")
    user = models.ForeignKey(User, models.DB_CASCADE, db_index=False, related_name="watches")
    character = models.ForeignKey(Character, models.DB_CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta:
        db_table = "watches"

    def __str__(self) -> str:
        return f"{self.user_id} watches {self.character_id}"


class RecoveryCode(models.Model):
    """A code that sets a new password once. Only its keyed hash is here (trading/recovery.py)."""

    pk = models.CompositePrimaryKey("user_id", "code_hash")
    user = models.ForeignKey(User, models.DB_CASCADE, db_index=False, related_name="recovery_codes")
    code_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=TransactionNow())
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "recovery_codes"

    def __str__(self) -> str:
        return f"recovery code of {self.user_id}"


class DailyCount(models.Model):
    """How much an address did today: accounts made, letters sent to it. The address is a keyed hash; only count_today writes."""

    pk = models.CompositePrimaryKey("day", "address", "kind")
    day = models.DateField()
    address = models.CharField(max_length=64)
    kind = models.CharField(max_length=10)
    counted = models.IntegerField()

    class Meta:
        db_table = "daily_counts"

    def __str__(self) -> str:
        return f"{self.counted} {self.kind} on {self.day}"


class MarketRules(models.Model):
    """The parameters of the market: one row. The database refuses rules that one account could pump (pricing proof)."""

    id = models.SmallIntegerField(primary_key=True, db_default=1)
    commission = models.DecimalField(max_digits=6, decimal_places=4, db_default=models.Value("0.01"))
    kappa = models.IntegerField(db_default=18_000)  # micro-votes of a full vote
    position_cap = models.IntegerField(db_default=20)  # full votes
    opening_balance = models.DecimalField(max_digits=20, decimal_places=2, db_default=100_000)
    min_account_days = models.IntegerField(db_default=7)
    min_trading_days = models.IntegerField(db_default=3)
    breaker = models.FloatField(db_default=0.4)  # how far demand may bend ln P within 24 hours before trade stops
    cooling = models.DurationField(db_default=timedelta(hours=1))  # for how long it stops
    is_halted = models.BooleanField(db_default=False)
    halt_reason = models.CharField(max_length=200, blank=True, db_default="")

    class Meta:
        db_table = "market_rules"
        verbose_name = verbose_name_plural = "market"
        default_permissions = ("view", "change")
        permissions = (
            ("run_market", "Can halt and open the market and its characters"),
            ("delist_character", "Can take a character off the market"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="market_rules_one_row"),
            models.CheckConstraint(condition=Q(commission__gte=0, commission__lt=1), name="market_rules_commission_check"),
            models.CheckConstraint(condition=Q(kappa__gte=0), name="market_rules_kappa_check"),
            models.CheckConstraint(condition=Q(position_cap__gte=1), name="market_rules_position_cap_check"),
            models.CheckConstraint(condition=Q(breaker__gt=0), name="market_rules_breaker_check"),
            models.CheckConstraint(condition=Q(min_account_days__gte=0, min_trading_days__gte=0), name="market_rules_days_check"),
            _amount("opening_balance", "market_rules"),
        )

    def __str__(self) -> str:
        return "market rules"


class MarketTick(models.Model):
    """A tick: what it consumed and how many prices it moved. The market's clock."""

    ticked_at = models.DateTimeField(primary_key=True)
    flow_rows = models.IntegerField()
    moved = models.IntegerField()  # prices
    news = models.IntegerField()  # bounty events applied
    took_ms = models.FloatField()

    class Meta:
        db_table = "market_ticks"
        default_permissions = ()

    def __str__(self) -> str:
        return f"tick at {self.ticked_at}"
