-- Let a character's bounty be this one: it moves the fundamental value and, until the pricing issue, the price with it. A
-- full vote stays what it was: votes already cast were weighed with it.
-- For apply_bounty_event and restore_bounty, who hold the character's lock. Locks its listing.
CREATE FUNCTION move_bounty(p_character_id integer, p_amount bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_price numeric := bounty_fundamental(p_amount);
BEGIN
    UPDATE characters c
    SET bounty = p_amount, current_price = v_price, market_cap = v_price * l.shares_outstanding
    FROM listings l
    WHERE c.id = p_character_id AND l.character_id = c.id;
    UPDATE listings SET fundamental = v_price WHERE character_id = p_character_id;
END;
$$;
ALTER FUNCTION move_bounty(integer, bigint) OWNER TO market_system;
REVOKE EXECUTE ON FUNCTION move_bounty(integer, bigint) FROM public;
