-- Take news of a bounty back. Before a tick has applied it nothing has moved, and the character trades again unless more news
-- waits; where the others now tell another bounty, trade stops until a tick has applied it. The record stays, pages leave it out.
-- Returns whether it was there to be withdrawn. For staff. Locks the character's row, then its listing.
CREATE FUNCTION withdraw_bounty(p_event_id integer) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_event bounty_events;
BEGIN
    SELECT * INTO v_event FROM bounty_events WHERE id = p_event_id;
    PERFORM FROM characters WHERE id = v_event.character_id FOR NO KEY UPDATE;
    UPDATE bounty_events SET withdrawn_at = now() WHERE id = p_event_id AND withdrawn_at IS NULL RETURNING * INTO v_event;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE listings l SET awaits_bounty = bounty_told(c.id, 'infinity') IS DISTINCT FROM c.bounty OR EXISTS (
        SELECT FROM bounty_events WHERE character_id = c.id AND withdrawn_at IS NULL AND applied_at IS NULL
    )
    FROM characters c
    WHERE c.id = v_event.character_id AND l.character_id = c.id;
    RETURN true;
END;
$$;
ALTER FUNCTION withdraw_bounty(integer) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION withdraw_bounty(integer) TO market_app, market_owner;
