-- A bounty became known: it moves the character's bounty and price. Kept as history, moving nothing: an event older than the
-- character's latest, and one whose chapter is older than a chapter that told a bounty already (a chapter confirmed later).
-- SECURITY DEFINER: market_app may announce a bounty, not write it. Locks the character's row, then its listing.
CREATE OR REPLACE FUNCTION apply_bounty_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF pg_trigger_depth() > 1 THEN
        RETURN NEW;  -- the first entry of a new listing: its price follows from it already
    END IF;
    IF NOT pg_has_role(session_user, 'market_owner', 'MEMBER') THEN
        NEW.effective_at := now();  -- the site cannot date a bounty back
    END IF;
    PERFORM FROM characters WHERE id = NEW.character_id FOR NO KEY UPDATE;
    NEW.applied_at := now();
    IF NOT EXISTS (
        SELECT FROM bounty_events
        WHERE character_id = NEW.character_id AND withdrawn_at IS NULL
            AND (effective_at > NEW.effective_at OR chapter > NEW.chapter)
    ) THEN
        PERFORM move_bounty(NEW.character_id, NEW.amount);
    END IF;
    RETURN NEW;
END;
$$;
ALTER FUNCTION apply_bounty_event() OWNER TO market_system;
