-- Let a character's bounty be a former one again. An event that was withdrawn for telling it counts again; else the news that
-- made the bounty what it is now is withdrawn: pages no longer show it, the record stays. p_amount NULL: unknown. An amount
-- that no event tells is announced anew. Trade stops until a tick has applied it.
-- For staff who undo a change. SECURITY DEFINER: market_app writes no bounty. Locks: as await_news.
CREATE OR REPLACE FUNCTION restore_bounty(p_character_id integer, p_amount bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_bounty bigint;
BEGIN
    PERFORM FROM characters WHERE id = p_character_id FOR NO KEY UPDATE;
    v_bounty := bounty_told(p_character_id, 'infinity');
    IF p_amount IS NULL OR EXISTS (
        SELECT FROM bounty_events WHERE character_id = p_character_id AND withdrawn_at IS NULL AND amount = p_amount
    ) THEN
        UPDATE bounty_events SET withdrawn_at = now()
        WHERE id = (
            SELECT id FROM bounty_events
            WHERE character_id = p_character_id AND withdrawn_at IS NULL AND amount = v_bounty AND v_bounty IS DISTINCT FROM p_amount
            ORDER BY effective_at DESC, id DESC LIMIT 1
        );
    ELSE
        UPDATE bounty_events SET withdrawn_at = NULL
        WHERE id = (
            SELECT id FROM bounty_events
            WHERE character_id = p_character_id AND amount = p_amount ORDER BY withdrawn_at DESC, id DESC LIMIT 1
        );
    END IF;
    IF bounty_told(p_character_id, 'infinity') IS DISTINCT FROM p_amount THEN
        INSERT INTO bounty_events (character_id, amount) VALUES (p_character_id, p_amount);
    END IF;
    PERFORM await_news(p_character_id);
END;
$$;
ALTER FUNCTION restore_bounty(integer, bigint) OWNER TO market_system;
REVOKE EXECUTE ON FUNCTION restore_bounty(integer, bigint) FROM public;
GRANT EXECUTE ON FUNCTION restore_bounty(integer, bigint) TO market_app, market_owner;
