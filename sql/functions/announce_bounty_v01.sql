-- A bounty became known: trade in its character stops until a tick has applied it in one step (await_news). While the listing
-- itself is being made, in the same transaction, it is applied at once: nobody has seen it, and the price that it is listed at
-- follows from it. Locks: as await_news.
CREATE FUNCTION announce_bounty() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_bounty bigint;
BEGIN
    IF pg_trigger_depth() > 1 AND NEW.applied_at IS NOT NULL THEN
        RETURN NULL;  -- the first entry of a new listing: its price follows from it already
    END IF;
    IF EXISTS (SELECT FROM listings WHERE character_id = NEW.character_id AND listed_at <> now()) THEN
        PERFORM await_news(NEW.character_id);
        RETURN NULL;
    END IF;
    UPDATE bounty_events SET applied_at = now() WHERE id = NEW.id;
    v_bounty := bounty_told(NEW.character_id, 'infinity');
    UPDATE listings SET fundamental = bounty_fundamental(v_bounty), listed_price = bounty_fundamental(v_bounty),
        full_vote = full_vote(bounty_fundamental(v_bounty))
    WHERE character_id = NEW.character_id;
    UPDATE characters c
    SET bounty = v_bounty, current_price = l.listed_price, market_cap = l.listed_price * l.shares_outstanding
    FROM listings l
    WHERE c.id = NEW.character_id AND l.character_id = c.id;
    RETURN NULL;
END;
$$;
ALTER FUNCTION announce_bounty() OWNER TO market_system;
