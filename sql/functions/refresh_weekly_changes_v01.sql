-- Recompute the change in 7 days of every character that moved in the last 8 days or shows a change: a price that stands still
-- changes it, too. Returns how many differed. For the worker, hourly. Locks the rows that differ, in id order.
CREATE FUNCTION refresh_weekly_changes(p_now timestamptz) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_changed integer;
BEGIN
    PERFORM FROM characters WHERE weekly_change <> 0 ORDER BY id FOR NO KEY UPDATE;
    UPDATE characters c SET weekly_change = n.change
    FROM (
        SELECT id, change_since(id, current_price, p_now - interval '7 days') AS change FROM characters
        WHERE weekly_change <> 0
            OR id IN (SELECT character_id FROM price_ticks WHERE ticked_at > p_now - interval '8 days')
    ) n
    WHERE c.id = n.id AND c.weekly_change IS DISTINCT FROM n.change;
    GET DIAGNOSTICS v_changed = ROW_COUNT;
    RETURN v_changed;
END;
$$;
ALTER FUNCTION refresh_weekly_changes(timestamptz) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION refresh_weekly_changes(timestamptz) TO market_owner;
