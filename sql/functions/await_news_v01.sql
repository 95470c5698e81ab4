-- Stop trade in a character until a tick has applied what its bounty's events tell, or let it go on where they tell nothing new:
-- a chapter confirmed later, news that was withdrawn. Notes the bound staff member (market.staff_id), in whose name the tick's
-- change is recorded. Waits for the trades under way: who has read the price commits before the news does, who has not is refused.
-- For announce_bounty, withdraw_bounty and restore_bounty. Locks the character's row, accounts against every trade, the listing.
CREATE FUNCTION await_news(p_character_id integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_bounty bigint;
    v_awaits boolean;
BEGIN
    SELECT bounty INTO v_bounty FROM characters WHERE id = p_character_id FOR NO KEY UPDATE;
    LOCK TABLE accounts IN EXCLUSIVE MODE;
    v_awaits := bounty_told(p_character_id, 'infinity') IS DISTINCT FROM v_bounty OR EXISTS (
        SELECT FROM bounty_events
        WHERE character_id = p_character_id AND withdrawn_at IS NULL AND applied_at IS NULL
            AND bounty_told(p_character_id, effective_at) IS DISTINCT FROM v_bounty
    );
    UPDATE listings
    SET awaits_bounty = v_awaits, news_by = CASE WHEN v_awaits THEN nullif(current_setting('market.staff_id', true), '')::integer END
    WHERE character_id = p_character_id;
    UPDATE bounty_events SET applied_at = now()
    WHERE character_id = p_character_id AND withdrawn_at IS NULL AND applied_at IS NULL AND NOT v_awaits;
END;
$$;
ALTER FUNCTION await_news(integer) OWNER TO market_system;
REVOKE EXECUTE ON FUNCTION await_news(integer) FROM public;
