-- Make the partitions of price_ticks for the months from one moment to a month after another. Returns how many were missing.
-- For market_owner, who owns the table. Idempotent.
CREATE FUNCTION make_price_partitions(p_from timestamptz, p_to timestamptz) RETURNS integer LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_month timestamp;
    v_name text;
    v_made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('make_price_partitions'));
    FOR v_month IN
        SELECT generate_series(
            date_trunc('month', p_from AT TIME ZONE 'UTC'), date_trunc('month', p_to AT TIME ZONE 'UTC') + interval '1 month',
            interval '1 month')
    LOOP
        v_name := 'price_ticks_' || to_char(v_month, 'YYYY_MM');
        IF to_regclass('public.' || v_name) IS NULL THEN
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.price_ticks FOR VALUES FROM (%L) TO (%L)',
                v_name, v_month AT TIME ZONE 'UTC', (v_month + interval '1 month') AT TIME ZONE 'UTC');
            v_made := v_made + 1;
        END IF;
    END LOOP;
    RETURN v_made;
END;
$$;
REVOKE EXECUTE ON FUNCTION make_price_partitions(timestamptz, timestamptz) FROM public;
