-- Recompute the change in 7 days of every character that moved in the last 8 days or shows a change: a price that stands still
-- changes it, too. Returns how many differed. For the worker, hourly. Locks the rows that differ, in id order as a tick does.
CREATE FUNCTION refresh_weekly_changes(p_now timestamptz) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_then timestamptz := p_now - interval '7 days';
    v_ids integer[];
    v_changed integer;
BEGIN
    v_ids := ARRAY(
        SELECT id FROM characters
        WHERE (weekly_change <> 0 OR id IN (SELECT character_id FROM price_ticks WHERE ticked_at > p_now - interval '8 days'))
            AND weekly_change IS DISTINCT FROM change_since(id, current_price, v_then)
    );
    PERFORM FROM characters WHERE id = ANY (v_ids) ORDER BY id FOR NO KEY UPDATE;
    UPDATE characters SET weekly_change = change_since(id, current_price, v_then)
    WHERE id = ANY (v_ids) AND weekly_change IS DISTINCT FROM change_since(id, current_price, v_then);
    GET DIAGNOSTICS v_changed = ROW_COUNT;
    RETURN v_changed;
END;
$$;
ALTER FUNCTION refresh_weekly_changes(timestamptz) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION refresh_weekly_changes(timestamptz) TO market_owner;
