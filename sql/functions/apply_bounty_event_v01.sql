-- A bounty became known: it moves the fundamental value and, until the pricing issue, the price with it. A full vote
-- stays what it was: votes already cast were weighed with it.
-- An event older than the character's latest is kept as history and moves nothing.
-- SECURITY DEFINER: market_app may announce a bounty, not write it. Locks the character's row, then its listing.
CREATE FUNCTION apply_bounty_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_price numeric := bounty_fundamental(NEW.amount);
BEGIN
    IF pg_trigger_depth() > 1 THEN
        RETURN NEW;  -- the first entry of a new listing: its price follows from it already
    END IF;
    IF NOT pg_has_role(session_user, 'market_owner', 'MEMBER') THEN
        NEW.effective_at := now();  -- the site cannot date a bounty back
    END IF;
    PERFORM FROM characters WHERE id = NEW.character_id FOR NO KEY UPDATE;
    NEW.applied_at := now();
    IF EXISTS (SELECT FROM bounty_events WHERE character_id = NEW.character_id AND effective_at > NEW.effective_at) THEN
        RETURN NEW;
    END IF;
    UPDATE characters c
    SET bounty = NEW.amount, current_price = v_price, market_cap = v_price * l.shares_outstanding
    FROM listings l
    WHERE c.id = NEW.character_id AND l.character_id = c.id;
    UPDATE listings SET fundamental = v_price WHERE character_id = NEW.character_id;
    RETURN NEW;
END;
$$;
ALTER FUNCTION apply_bounty_event() OWNER TO market_system;
