-- By how many per cent a character's price differs from the one published last at or before a moment: from the price it was
-- listed at where no tick had moved it by then, and 0 where it was not listed yet.
CREATE FUNCTION change_since(p_character_id integer, p_price numeric, p_then timestamptz) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT coalesce((p_price / coalesce(
        (SELECT price FROM price_ticks WHERE character_id = p_character_id AND ticked_at <= p_then ORDER BY ticked_at DESC LIMIT 1),
        (SELECT listed_price FROM listings WHERE character_id = p_character_id AND listed_at <= p_then)
    ) - 1) * 100, 0)::double precision
$$;
GRANT EXECUTE ON FUNCTION change_since(integer, numeric, timestamptz) TO market_app, market_system;
