-- The user that this transaction is bound to (SET LOCAL market.user_id). Error: 42501 when nobody is bound.
-- After COMMIT the setting is '', not NULL. STABLE, and used in policies as a sub-select: evaluated once a query.
CREATE FUNCTION market_user_id() RETURNS integer LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_user text := nullif(current_setting('market.user_id', true), '');
BEGIN
    IF v_user IS NULL THEN
        RAISE EXCEPTION 'No user is bound to this transaction: read per-user tables inside as_user(user).'
            USING ERRCODE = 'insufficient_privilege',
            HINT = 'In SQL: BEGIN; SET LOCAL market.user_id = ''42''; then read.';
    END IF;
    RETURN v_user::integer;
END;
$$;
GRANT EXECUTE ON FUNCTION market_user_id() TO market_app;
