-- Count one more of a kind (a guest, a sign-up) from an address or about one (a keyed hash) today, if that is not more than
-- p_most. Returns whether it was counted. Days are UTC; what was counted before today is deleted, a hundred rows a call.
-- The count stays locked until the transaction ends: of many requests at once exactly p_most are admitted, and what is rolled
-- back is not counted. SECURITY DEFINER: the site can neither read nor reset the counts.
CREATE FUNCTION count_today(p_kind text, p_address text, p_most integer) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
BEGIN
    DELETE FROM daily_counts d
    USING (SELECT day, address, kind FROM daily_counts WHERE day < v_today LIMIT 100 FOR UPDATE SKIP LOCKED) past
    WHERE d.day = past.day AND d.address = past.address AND d.kind = past.kind;

    INSERT INTO daily_counts (day, address, kind, counted)
    SELECT v_today, p_address, p_kind, 1 WHERE p_most > 0
    ON CONFLICT (day, address, kind) DO UPDATE SET counted = daily_counts.counted + 1 WHERE daily_counts.counted < p_most;
    RETURN FOUND;
END;
$$;
ALTER FUNCTION count_today(text, text, integer) OWNER TO market_system;
GRANT EXECUTE ON FUNCTION count_today(text, text, integer) TO market_app;
