-- The bounty that a character's events tell at a moment, NULL where none does or the last says that nobody knows. Events count
-- in the order in which they take effect; one whose chapter is older than that of an earlier event is history and moves nothing
-- (a chapter confirmed later); what was withdrawn tells nothing.
CREATE FUNCTION bounty_told(p_character_id integer, p_now timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT e.amount
    FROM bounty_events e
    WHERE e.character_id = p_character_id AND e.withdrawn_at IS NULL AND e.effective_at <= p_now
        AND NOT EXISTS (
            SELECT FROM bounty_events f
            WHERE f.character_id = p_character_id AND f.withdrawn_at IS NULL AND f.chapter > e.chapter
                AND (f.effective_at, f.id) < (e.effective_at, e.id)
        )
    ORDER BY e.effective_at DESC, e.id DESC
    LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION bounty_told(integer, timestamptz) TO market_app, market_system;
