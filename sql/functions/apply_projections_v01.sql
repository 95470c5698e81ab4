-- Make the live balances and holdings what `rebuilt` says. Call in the transaction that rebuilt them from the whole ledger
-- and that locked accounts and holdings before; the market is halted. Run as market_system: SET LOCAL ROLE market_system.
CREATE FUNCTION apply_projections() RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE accounts a SET balance = r.balance, last_entry_at = r.last_entry_at
    FROM rebuilt.accounts r
    WHERE a.user_id = r.user_id AND (a.balance, a.last_entry_at) IS DISTINCT FROM (r.balance, r.last_entry_at);
    INSERT INTO accounts (user_id, balance, last_entry_at)
    SELECT r.user_id, r.balance, r.last_entry_at FROM rebuilt.accounts r
    ON CONFLICT (user_id) DO NOTHING;
    DELETE FROM holdings h
    WHERE NOT EXISTS (SELECT FROM rebuilt.holdings r WHERE r.user_id = h.user_id AND r.character_id = h.character_id);
    INSERT INTO holdings (user_id, character_id, quantity, cost_basis)
    SELECT r.user_id, r.character_id, r.quantity, r.cost_basis FROM rebuilt.holdings r
    ON CONFLICT (user_id, character_id) DO UPDATE SET quantity = excluded.quantity, cost_basis = excluded.cost_basis
    WHERE (holdings.quantity, holdings.cost_basis) IS DISTINCT FROM (excluded.quantity, excluded.cost_basis);
END;
$$;
ALTER FUNCTION apply_projections() OWNER TO market_system;
