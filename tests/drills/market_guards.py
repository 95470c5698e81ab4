"""Each guard of the market's SQL is broken, one at a time, in a copy of the tree: at least one test must notice.

Negative controls (`test_without_…`) are left out: they break guards themselves, and would be red for want of the text.
"""

from tests.drills.guards import Guard, broken_one_by_one
from tests.drills.report import Row

LOCK = " FOR NO KEY UPDATE"
RETURN_UNKNOWN = "IF NOT FOUND THEN\n        RETURN trade_answer('no_account'"
OWN = "TO market_app USING (user_id = (SELECT market_user_id()))"
AUDIT = "FOR SELECT TO market_owner USING (true)"
SECURED = ("accounts", "holdings", "ledger_entries", "order_flow", "watches")
type Break = tuple[str, str, str, str]  # what it is, what stands there, what breaks it, its tests

TRADE: list[Break] = [
    ("who is bound", "IF (v_bound = p_user_id::text) IS NOT TRUE AND", "IF false AND", "trade"),
    ("the owner acts for anyone", "NOT pg_has_role(session_user, 'market_owner', 'MEMBER')", "true", "trade"),
    ("an id for an order without one", "    p_trade_id := coalesce(p_trade_id, gen_random_uuid());\n", "",
     "guards::test_an_order_without_an_id_gets_one"),
    ("buy or sell and nothing else", "p_action NOT IN ('buy', 'sell')", "false", "trade"),
    ("an action at all", "p_action IS NULL OR ", "", "trade"),
    ("a quantity at all", "p_quantity IS NULL OR ", "", "trade"),
    ("one share at least", "NOT BETWEEN 1 AND", "NOT BETWEEN -1000000 AND", "trade"),
    ("a million shares at most", "AND 1000000 THEN", "AND 2147483647 THEN", "trade"),
    ("a price above nothing", "p_price <= 0 OR ", "", "trade"),
    ("a price that is a number", " OR p_price >= 'Infinity'", "", "trade"),
    ("the account's lock", f"WHERE user_id = p_user_id{LOCK}", "WHERE user_id = p_user_id", "races vote_races"),
    ("an account at all", RETURN_UNKNOWN, RETURN_UNKNOWN.replace("NOT FOUND", "false"), "trade"),
    ("a repeat is answered, not executed", "AND trade_id = p_trade_id;\n    IF FOUND", "AND trade_id = p_trade_id;\n    IF false",
     "trade"),
    ("an id names one character", "(v_past.character_id, v_past.kind, v_past.quantity) IS DISTINCT FROM (p_character_id, ",
     "(v_past.kind, v_past.quantity) IS DISTINCT FROM (", "trade"),
    ("an id names one action", "v_past.kind, v_past.quantity) IS DISTINCT FROM (p_character_id, p_action, p_quantity)",
     "v_past.quantity) IS DISTINCT FROM (p_character_id, p_quantity)", "trade"),
    ("an id names one quantity", ", v_past.quantity) IS DISTINCT FROM (p_character_id, p_action, p_quantity)",
     ") IS DISTINCT FROM (p_character_id, p_action)", "trade"),
    ("a repeat tells the past price", "p_trade_id, v_past.price, p_quantity", "p_trade_id, p_price, p_quantity", "trade"),
    ("closed accounts", "IF v_account.closed_at IS NOT NULL", "IF false",
     "closing::test_a_closed_account_trades_no_more_and_is_not_ranked"),
    ("staff and who is gone", "IF v_account.is_barred", "IF false", "counting"),
    ("the server's price", "SELECT c.current_price AS price", "SELECT coalesce(p_price, c.current_price) AS price", "trade"),
    ("active characters", "c.is_active AND ", "", "trade"),
    ("tradeable characters", "c.is_active AND c.is_tradeable\n", "c.is_active\n", "trade delisting"),
    ("a character's halt", "NOT l.halted AND ", "", "trade"),
    ("the halt for news", "NOT l.awaits_bounty AND ", "", "ticks news"),
    ("cooling", " AND (l.cools_until > p_now) IS NOT TRUE;", ";", "ticks"),
    ("the market's halt", "IF v_market.is_halted", "IF false", "trade"),
    ("a buyer's worst price", "(p_action = 'buy' AND v_market.price > p_price) OR ", "", "trade"),
    ("a seller's worst price", " OR (p_action = 'sell' AND v_market.price < p_price) THEN", " THEN", "trade"),
    ("money for shares and fee", "v_total + v_fee > v_account.balance", "v_total > v_account.balance", "trade trade_model"),
    ("the cap of a position", "v_held + p_quantity > v_market.position_cap", "p_quantity > v_market.position_cap", "trade"),
    ("shares to sell", "p_action = 'sell' AND v_held < p_quantity", "false", "trade"),
    ("a fee rounded up", "ceil(v_total * v_market.commission * 100)", "round(v_total * v_market.commission * 100)", "trade"),
    ("a ledger in order", "greatest(p_now, v_account.last_entry_at + interval '1 microsecond')", "p_now",
     "guards::test_the_ledgers_order_survives_a_clock_that_steps_back"),
    ("a sale's share of the cost", "v_basis - round(v_basis * p_quantity / v_held, 2)", "v_basis", "trade"),
    ("votes of accounts that count alone", "IF v_account.is_counted AND", "IF", "ticks trade_writes"),
    ("no vote without a change", "v_account.is_counted AND v_votes <> 0", "v_account.is_counted", "trade_writes"),
    ("the vote that was", " - vote_of(v_held, v_market.full_vote, v_market.kappa)", "", "trade"),
]  # fmt: skip
MANY: list[Break] = [
    ("a list", "jsonb_typeof(p_orders) IS DISTINCT FROM 'array' OR ", "", "many_orders"),
    ("a list at all", "IS DISTINCT FROM 'array'", "<> 'array'", "many_orders"),
    ("a thousand orders", " OR jsonb_array_length(p_orders) > 1000", "", "many_orders"),
    ("an order is an object", "jsonb_typeof(v_order) = 'object' AND ", "", "many_orders"),
    ("what is missing is refused", ") IS NOT TRUE THEN", ") = false THEN", "many_orders"),
    ("a character's number", "v_order ->> 'character_id' ~ '^[0-9]{1,9}$' AND ", "", "many_orders"),
    ("a quantity's digits", "AND v_order ->> 'quantity' ~ '^[0-9]{1,7}$'", "", "many_orders"),
    ("an action's length", "AND length(coalesce(v_order ->> 'action', '')) <= 10", "", "many_orders"),
    ("a price's digits", "AND coalesce(v_order ->> 'price', '1') ~ '^[0-9]{1,8}(\\.[0-9]{1,2})?$'", "", "many_orders"),
    ("a price's cents", "(\\.[0-9]{1,2})?$'", "(\\.[0-9]+)?$'", "many_orders"),
    ("a trade id's form", "AND coalesce(v_order ->> 'trade_id', '00000000-0000-0000-0000-000000000001')"
     " ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'", "", "many_orders"),
    ("the order's own id", "(v_order ->> 'trade_id')::uuid, p_now", "NULL, p_now", "many_orders"),
    ("the order's own price", "(v_order ->> 'price')::numeric, (", "NULL, (", "many_orders"),
]  # fmt: skip
TICK: list[Break] = [
    ("one ticker at a time", "NOT pg_try_advisory_xact_lock(hashtext('tick_market'))", "false", "tick_races"),
    ("time runs forward", "p_now <= (SELECT", "p_now < (SELECT", "ticks"),
    ("what is added up is consumed, and nothing else",
     "    WITH consumed AS (\n        DELETE FROM order_flow RETURNING character_id, votes\n    ), flow AS (\n"
     "        SELECT character_id, sum(votes)::bigint AS votes, count(*) AS rows FROM consumed GROUP BY character_id\n    )\n"
     "    SELECT coalesce(sum(rows), 0), coalesce(array_agg(character_id), '{}'), coalesce(array_agg(votes), '{}')\n"
     "    INTO v_flow_rows, v_ids, v_votes FROM flow;\n",
     "    WITH flow AS (\n"
     "        SELECT character_id, sum(votes)::bigint AS votes, count(*) AS rows FROM order_flow GROUP BY character_id\n    )\n"
     "    SELECT coalesce(sum(rows), 0), coalesce(array_agg(character_id), '{}'), coalesce(array_agg(votes), '{}')\n"
     "    INTO v_flow_rows, v_ids, v_votes FROM flow;\n    PERFORM FROM characters WHERE id = ANY (v_ids) FOR NO KEY UPDATE;\n"
     "    DELETE FROM order_flow;\n", "tick_races"),
    ("who awaits news without a vote", "FROM listings WHERE awaits_bounty AND character_id",
     "FROM listings WHERE false AND character_id",
     "ticks"),
    ("the characters' locks", f"ANY (v_concerned) ORDER BY id{LOCK}", "ANY (v_concerned)", "news tick_races"),
    ("news of later waits", "WHERE applied_at IS NULL AND withdrawn_at IS NULL AND effective_at <= p_now",
     "WHERE applied_at IS NULL AND withdrawn_at IS NULL", "news"),
    ("withdrawn news is not applied", "WHERE applied_at IS NULL AND withdrawn_at IS NULL AND", "WHERE applied_at IS NULL AND",
     "news"),
    ("a value that staff set", "l.awaits_bounty AND b.bounty IS DISTINCT FROM c.bounty THEN", "l.awaits_bounty THEN", "news"),
    ("votes add to votes", "l.demand + coalesce(f.votes, 0) AS demand", "coalesce(f.votes, 0) AS demand", "tick_rules"),
    ("a day of 24 hours", "p_now - interval '24 hours'", "p_now - interval '1 hour'", "tick_rules"),
    ("what cooled is forgotten", "greatest(p_now - interval '24 hours', l.cools_until)", "p_now - interval '24 hours'", "ticks"),
    ("no breaker without votes", "n.votes <> 0 AND NOT n.cools", "NOT n.cools", "ticks tick_rules market_model"),
    ("cooling is not prolonged", "n.votes <> 0 AND NOT n.cools", "n.votes <> 0", "tick_rules"),
    ("the breaker", "> v_rules.breaker AS trips", "> 9 AS trips", "ticks"),
    ("the breaker counts a fall", "abs(demand_part(n.demand - n.baseline) - demand_part(",
     "(demand_part(n.demand - n.baseline) - demand_part(",
     "tick_rules"),
    ("demand as it was then", "t.character_id = n.character_id AND t.ticked_at <= n.since", "t.character_id = n.character_id",
     "tick_rules"),
    ("cooling lasts as the rules say", "p_now + v_rules.cooling", "p_now + interval '9 hours'", "tick_rules"),
    ("trade opens after the news", "awaits_bounty = p.awaits_bounty AND EXISTS", "awaits_bounty = p.awaits_bounty OR EXISTS",
     "ticks"),
    ("trade waits for more news", "e.withdrawn_at IS NULL AND e.effective_at > p_now", "false", "news"),
    ("votes that move no price are in the log", "WHERE votes <> 0 OR fundamental <> was_worth OR price", "WHERE price",
     "tick_rules"),
    ("nothing is written of what stands still", "WHERE votes <> 0 OR fundamental <> was_worth OR price <> was_price", "",
     "ticks news market_model"),
    ("a bounty that moves no price is shown", " OR (p.awaits_bounty AND p.bounty IS DISTINCT FROM c.bounty))", ")", "news"),
    ("the market's worth follows", "market_cap = p.price * p.shares_outstanding,", "market_cap = c.market_cap,", "ticks"),
]  # fmt: skip
COUNT: list[Break] = [
    ("the account's lock", f"WHERE user_id = p_user_id{LOCK}", "WHERE user_id = p_user_id", "vote_races"),
    ("closed accounts", "v_account.closed_at IS NULL AND ", "", "counting"),
    ("who is gone", "v_user.is_active AND ", "", "counting"),
    ("staff", "NOT v_user.is_staff AND ", "", "counting"),
    ("guests", "AND NOT v_user.is_guest\n", "\n", "counting"),
    ("age", "v_rules.min_account_days * interval '1 day' <= p_now", "interval '0' <= p_now", "counting"),
    ("days of trading", "IF v_counts AND v_rules.min_trading_days > 0", "IF false", "counting"),
    ("days, not trades", "count(DISTINCT (created_at AT TIME ZONE 'UTC')::date)", "count(*)", "counting"),
    ("trades, not entries", "kind IN ('buy', 'sell') AND ", "", "counting"),
    ("trades so far", " AND created_at <= p_now\n", "\n", "counting"),
    ("only a change brings votes", "IF v_counts <> v_account.is_counted THEN", "IF true THEN", "counting"),
    ("votes come and go", "CASE WHEN v_counts THEN 1 ELSE -1 END", "1", "counting"),
    ("votes come with the account", "IF v_counts <> v_account.is_counted THEN", "IF false THEN", "counting"),
    ("who may not trade", "is_barred = v_user.is_staff OR NOT v_user.is_active\n", "is_barred = false\n", "counting"),
    ("who is gone may not trade", "is_barred = v_user.is_staff OR NOT v_user.is_active\n", "is_barred = v_user.is_staff\n",
     "counting"),
]  # fmt: skip
ANNOUNCE: list[Break] = [
    ("the character's lock", f"WHERE id = NEW.character_id{LOCK};", "WHERE id = NEW.character_id;", "news"),
    ("a listing of an older time", "IF v_listing.listed_at <> now() AND", "IF v_listing.listed_at < now() AND", "news"),
    ("the price of a new listing", "    IF v_listing.listed_at <> now() THEN", "    IF v_listing.listed_at < now() THEN", "news"),
    ("news that waits with news", "v_listing.awaits_bounty OR v_bounty IS", "v_bounty IS", "news"),
    ("only what moves stops trade", "(v_listing.awaits_bounty OR v_bounty IS DISTINCT FROM v_before)", "true", "news"),
    ("trade stops", "UPDATE listings SET awaits_bounty = true", "UPDATE listings SET awaits_bounty = false", "ticks"),
    ("a listing and its bounty", "full_vote = full_vote(bounty_fundamental(v_bounty))", "full_vote = v_listing.full_vote",
     "news"),
]  # fmt: skip
DATE: list[Break] = [
    ("the site dates nothing back", "greatest(NEW.effective_at, now())", "NEW.effective_at",
     "guards::test_the_site_cannot_date_a_bounty_back"),
    ("the site applies nothing", "CASE WHEN pg_trigger_depth() > 1 AND NEW.applied_at IS NOT NULL THEN now() END",
     "NEW.applied_at", "news"),
    ("the site withdraws nothing unseen", "NEW.withdrawn_at := NULL;", "", "news"),
]  # fmt: skip
WITHDRAW: list[Break] = [
    ("once", "WHERE id = p_event_id AND withdrawn_at IS NULL RETURNING", "WHERE id = p_event_id RETURNING", "news"),
    ("the character's lock", f"WHERE id = v_event.character_id{LOCK};", "WHERE id = v_event.character_id;", "news"),
    ("what is undone waits for a tick", "bounty_told(c.id, 'infinity') IS DISTINCT FROM c.bounty OR ", "", "news"),
    ("other news still waits", "character_id = c.id AND withdrawn_at IS NULL AND applied_at IS NULL", "false", "news"),
]  # fmt: skip
DELIST: list[Break] = [
    ("trades are waited for", "    LOCK TABLE accounts IN EXCLUSIVE MODE;\n", "", "delisting"),
    ("the character's lock", f"WHERE id = p_character_id{LOCK};", "WHERE id = p_character_id;", "delisting"),
    ("the price of the preview", "IF (v_price = p_price) IS NOT TRUE THEN", "IF v_price IS NULL THEN", "delisting"),
    ("a price at all", "IF (v_price = p_price) IS NOT TRUE THEN", "IF v_price <> p_price THEN", "delisting"),
    ("no more trade", "    UPDATE characters SET is_tradeable = false WHERE id = p_character_id;\n", "", "delisting"),
    ("its positions alone", "DELETE FROM holdings WHERE character_id = p_character_id RETURNING",
     "DELETE FROM holdings RETURNING",
     "delisting"),
    ("a ledger in order", "greatest(clock_timestamp(), a.last_entry_at + interval '1 microsecond')", "clock_timestamp()",
     "delisting"),
    ("votes of accounts that count alone", "WHERE p.is_counted AND v.votes <> 0", "WHERE v.votes <> 0", "delisting"),
    ("votes leave", "WHERE p.is_counted AND v.votes <> 0", "WHERE false", "delisting"),
]  # fmt: skip
CLOSE: list[Break] = [
    ("who is bound", "IF (v_bound = p_user_id::text) IS NOT TRUE AND", "IF false AND",
     "closing::test_nobody_closes_the_account_of_another"),
    ("staff stay", "IF EXISTS (SELECT FROM users WHERE id = p_user_id AND is_staff)", "IF false",
     "closing::test_staff_are_told_that_their_account_stays"),
    ("once", "WHERE user_id = p_user_id AND closed_at IS NULL\n", "WHERE user_id = p_user_id\n",
     "closing::test_closing_again_changes_nothing"),
    ("a fee rounded up", "ceil(v_position.price * v_position.quantity * v_rules.commission * 100)", "0",
     "closing::test_closing_sells_every_position_as_ordinary_orders_would"),
    ("votes leave", "IF v_account.is_counted AND v_votes <> 0", "IF false",
     "closing::test_closing_sells_every_position_as_ordinary_orders_would counting"),
    ("votes of accounts that count alone", "IF v_account.is_counted AND v_votes <> 0", "IF v_votes <> 0", "counting"),
    ("a ledger in order", "v_account.last_entry_at := v_account.last_entry_at + interval '1 microsecond';", "",
     "closing::test_closing_sells_every_position_as_ordinary_orders_would"),
    ("a closed account counts no more", ", is_counted = false\n", "\n", "counting"),
    ("positions leave",
     "        DELETE FROM holdings WHERE user_id = p_user_id AND character_id = v_position.character_id;\n", "",
     "closing::test_closing_sells_every_position_as_ordinary_orders_would"),
]  # fmt: skip
RECOUNT: list[Break] = [
    ("trades are waited for", "    LOCK TABLE accounts IN EXCLUSIVE MODE;\n", "", "vote_races"),
    ("accounts that count alone", " AND a.is_counted\n", "\n", "vote_races"),
    ("the weight that was", " - vote_of(h.quantity, l.full_vote, OLD.kappa)", "", "vote_races"),
]  # fmt: skip


def _secured(table: str) -> list[Break]:
    """Return what guards the rows of one table."""
    enabled, forced = f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, ", "FORCE ROW LEVEL SECURITY;"
    audit, own = f"CREATE POLICY audit ON {table} {AUDIT}", f"CREATE POLICY own ON {table} {OWN}"
    breaks = [
        (f"{table}: row security", enabled + forced, f"ALTER TABLE {table} {forced}", "privileges"),
        (f"{table}: for its owner, too", enabled + forced, enabled.rstrip(", ") + ";", "privileges"),
        (f"{table}: the auditor sees all", audit, audit.replace("(true)", "(false)"), "privileges trade ticks"),
    ]
    own_rows = (f"{table}: one's own rows", own, own.replace("user_id = (SELECT market_user_id())", "true"), "privileges")
    return breaks if table == "order_flow" else [*breaks, own_rows]


FILES: dict[str, list[Break]] = {
    "functions/execute_trade_at_v01": TRADE,
    "functions/execute_trades_at_v01": MANY,
    "functions/tick_market_at_v01": TICK,
    "functions/tick_market_v01": [
        ("a clock that steps back",
         "greatest(clock_timestamp(), (SELECT max(ticked_at) FROM market_ticks) + interval '1 microsecond')",
         "clock_timestamp()", "tick_rules"),
    ],
    "functions/market_price_v01": [("no price below ten", "greatest(10.00, ", "greatest(0.01, ", "tick_rules")],
    "functions/demand_part_v01": [("demand is bounded", "* tanh(p_votes", "* (p_votes", "tick_rules")],
    "functions/vote_of_v01": [("a vote is bounded", "least(p_quantity, p_full_vote)", "p_quantity", "trade")],
    "functions/count_account_at_v01": COUNT,
    "triggers/count_changed_user_v01": [
        ("staff", "WHEN ((old.is_staff, old.is_active, old.is_guest) IS DISTINCT FROM (new.is_staff, ",
         "WHEN ((old.is_active, old.is_guest) IS DISTINCT FROM (", "counting"),
        ("who is gone", "old.is_active, old.is_guest) IS DISTINCT FROM (new.is_staff, new.is_active, ",
         "old.is_guest) IS DISTINCT FROM (new.is_staff, ", "counting"),
        ("guests", ", old.is_guest) IS DISTINCT FROM (new.is_staff, new.is_active, new.is_guest)",
         ") IS DISTINCT FROM (new.is_staff, new.is_active)", "counting"),
    ],
    "functions/announce_bounty_v01": ANNOUNCE,
    "functions/date_bounty_v01": DATE,
    "functions/withdraw_bounty_v01": WITHDRAW,
    "functions/delist_character_v01": DELIST,
    "functions/close_account_v02": CLOSE,
    "functions/recount_votes_v01": RECOUNT,
    "functions/market_user_id_v01": [
        ("nobody is not everybody", "IF v_user IS NULL THEN", "IF false THEN", "privileges"),
    ],
    "roles/row_security_v01": [one for table in SECURED for one in _secured(table)],
    "roles/grants_v01": [
        ("an append-only ledger", "REVOKE UPDATE, DELETE, TRUNCATE ON ledger_entries FROM market_owner;", "", "privileges"),
        ("the ledger of the functions' owner", "GRANT SELECT, INSERT ON ledger_entries TO market_system",
         "GRANT SELECT, INSERT, UPDATE ON ledger_entries TO market_system", "privileges"),
        ("no bounty by hand", "GRANT UPDATE (\n    name, crew_id,", "GRANT UPDATE (\n    bounty, name, crew_id,", "privileges"),
    ],
    "tables/market_rules_v01": [
        ("no account pumps the price", "* (1 - commission) <= 1 + commission", "* (1 - commission) <= 9 + commission", "trade"),
    ],
}  # fmt: skip
REPLAYED = [path for path in FILES if path.startswith(("functions/", "triggers/"))]
GUARDS = [
    Guard(f"{path.partition('/')[2]}: {what}", f"sql/{path}.sql", text, broken, tests)
    for path, breaks in FILES.items()
    for what, text, broken, tests in breaks
]


def run(only: str = "") -> list[Row]:
    """Break every guard of the market whose name has this in it: `--only execute_trade_at`, `--only lock`.

    Functions and triggers are replaced in a database that is kept; for the others each run migrates a new one.
    """
    kept = [guard for guard in GUARDS if guard.file[4:-4] in REPLAYED]
    others = [guard for guard in GUARDS if guard not in kept]
    controls = ("-k", "not test_without")
    return [
        *broken_one_by_one(kept, only, *controls, "--reuse-db", "-p", "tests.replayed"),
        *broken_one_by_one(others, only, *controls),
    ]
