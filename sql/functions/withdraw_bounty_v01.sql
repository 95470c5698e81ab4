-- Take news of a bounty back. Before a tick has applied it nothing has moved, and the character trades again unless more news
-- waits; where the others now tell another bounty, trade stops until a tick has applied it. The record stays, pages leave it out.
-- Returns whether it was there to be withdrawn. For staff. Locks: as await_news.
CREATE FUNCTION withdraw_bounty(p_event_id integer) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_character_id integer := (SELECT character_id FROM bounty_events WHERE id = p_event_id);
BEGIN
    PERFORM FROM characters WHERE id = v_character_id FOR NO KEY UPDATE;
    UPDATE bounty_events SET withdrawn_at = now() WHERE id = p_event_id AND withdrawn_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM await_news(v_character_id);
    RETURN true;
END;
$$;
ALTER FUNCTION withdraw_bounty(integer) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION withdraw_bounty(integer) TO market_app, market_owner;
