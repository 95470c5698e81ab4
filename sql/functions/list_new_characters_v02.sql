-- Put new characters on the market: their listing, and the first entry of their bounty's history.
-- SECURITY DEFINER: market_app writes neither. Runs once a statement.
CREATE OR REPLACE FUNCTION list_new_characters() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO listings (character_id, fundamental, listed_price, full_vote)
    SELECT id, current_price, current_price, full_vote(current_price) FROM inserted;
    INSERT INTO bounty_events (character_id, amount, applied_at)
    SELECT id, bounty, now() FROM inserted WHERE bounty IS NOT NULL;
    RETURN NULL;
END;
$$;
ALTER FUNCTION list_new_characters() OWNER TO market_system;
