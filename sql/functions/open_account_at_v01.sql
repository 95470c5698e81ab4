-- Open a trader's account at this time with the opening balance, and write it to the ledger. Returns whether it was opened now.
-- Idempotent: a second call changes nothing. Staff get none: they do not trade. The opening entry's trade id is the nil UUID.
-- SECURITY DEFINER: needs no bound user, since it can only ever give a user his one opening balance.
CREATE FUNCTION open_account_at(p_user_id integer, p_now timestamptz) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_opening numeric := (SELECT opening_balance FROM market_rules);
BEGIN
    IF EXISTS (SELECT FROM users WHERE id = p_user_id AND is_staff) THEN
        RETURN false;
    END IF;
    INSERT INTO accounts (user_id, balance, last_entry_at) VALUES (p_user_id, v_opening, p_now)
    ON CONFLICT (user_id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO ledger_entries
        (user_id, created_at, trade_id, quantity, quantity_after, kind, price, fee, amount, balance_after)
    VALUES (p_user_id, p_now, '00000000-0000-0000-0000-000000000000', 0, 0, 'opening', 0, 0, v_opening, v_opening);
    PERFORM count_account_at(p_user_id, p_now);  -- at once, where the rules ask for no days
    RETURN true;
END;
$$;
ALTER FUNCTION open_account_at(integer, timestamptz) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION open_account_at(integer, timestamptz) TO market_owner;
