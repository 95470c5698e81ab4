-- Note in cache_outbox which cached values a statement made stale, for those who write past the ORM: the relay of
-- `manage.py run_worker` reads it. Arguments: what was written ('character' or 'crew'), and the column with its id.
-- One row an id; a statement that touched more than 100 rows is noted once, without an id: then all of them are meant.
-- SECURITY DEFINER: nobody else writes the outbox. Locks nothing.
CREATE FUNCTION note_stale() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_touched bigint;
    v_ids integer[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO cache_outbox (kind) VALUES (TG_ARGV[0]);
        RETURN NULL;
    END IF;
    SELECT count(*), array_agg(DISTINCT (to_jsonb(t) ->> TG_ARGV[1])::integer) INTO v_touched, v_ids
    FROM (SELECT * FROM touched LIMIT 101) AS t;
    IF v_touched > 100 THEN
        INSERT INTO cache_outbox (kind) VALUES (TG_ARGV[0]);
    ELSE
        INSERT INTO cache_outbox (kind, row_id) SELECT TG_ARGV[0], id FROM unnest(v_ids) AS id;
    END IF;
    RETURN NULL;
END;
$$;
ALTER FUNCTION note_stale() OWNER TO market_system;
