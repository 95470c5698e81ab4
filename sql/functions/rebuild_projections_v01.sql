-- Replay the ledger up to a moment (NULL: all of it) into the scratch schema `rebuilt`, as accounts and holdings.
-- The ledger is the source of truth; the live tables are what it adds up to, and stay as they are.
-- Returns the differences between the two: user_id, what, rebuilt, live. Run as market_owner, who may read all.
CREATE FUNCTION rebuild_projections(p_as_of timestamptz DEFAULT NULL)
RETURNS TABLE (user_id integer, what text, rebuilt text, live text) LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    DROP SCHEMA IF EXISTS rebuilt CASCADE;
    CREATE SCHEMA rebuilt;
    CREATE TABLE rebuilt.accounts AS
    SELECT user_id, sum(amount) AS balance, max(created_at) AS last_entry_at
    FROM ledger_entries WHERE created_at <= coalesce(p_as_of, 'infinity')
    GROUP BY user_id;
    CREATE TABLE rebuilt.holdings AS
    SELECT user_id, character_id, p.position[1]::integer AS quantity, p.position[2] AS cost_basis
    FROM (
        SELECT user_id, character_id, position_of(kind, quantity, amount ORDER BY created_at) AS position
        FROM ledger_entries WHERE created_at <= coalesce(p_as_of, 'infinity') AND character_id IS NOT NULL
        GROUP BY user_id, character_id
    ) p
    WHERE p.position[1] <> 0;
    GRANT USAGE ON SCHEMA rebuilt TO market_system;
    GRANT SELECT ON rebuilt.accounts, rebuilt.holdings TO market_system;

    RETURN QUERY
    SELECT coalesce(r.user_id, l.user_id), 'balance', r.balance::text, l.balance::text
    FROM rebuilt.accounts r FULL JOIN accounts l ON r.user_id = l.user_id
    WHERE r.balance IS DISTINCT FROM l.balance
    UNION ALL
    SELECT coalesce(r.user_id, l.user_id), 'character ' || coalesce(r.character_id, l.character_id),
        r.quantity || ' shares for ' || r.cost_basis, l.quantity || ' shares for ' || l.cost_basis
    FROM rebuilt.holdings r FULL JOIN holdings l ON r.user_id = l.user_id AND r.character_id = l.character_id
    WHERE (r.quantity, r.cost_basis) IS DISTINCT FROM (l.quantity, l.cost_basis)
    ORDER BY 1, 2;
END;
$$;
GRANT EXECUTE ON FUNCTION rebuild_projections(timestamptz) TO market_owner;
