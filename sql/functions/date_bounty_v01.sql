-- News of a bounty takes effect when it is told, or later; only the owner may date it back. A tick applies it,
-- but for the first entry of a new listing (list_new_characters). Who told it: the staff member bound by market.staff_id.
CREATE FUNCTION date_bounty() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(session_user, 'market_owner', 'MEMBER') THEN
        NEW.effective_at := greatest(NEW.effective_at, now());
    END IF;
    NEW.applied_at := CASE WHEN pg_trigger_depth() > 1 AND NEW.applied_at IS NOT NULL THEN now() END;
    NEW.withdrawn_at := NULL;
    NEW.staff_id := nullif(current_setting('market.staff_id', true), '')::integer;
    RETURN NEW;
END;
$$;
