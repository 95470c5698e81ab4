-- Replay one position: position_of(kind, quantity, amount ORDER BY created_at) is {quantity, cost_basis in berries}.
-- A purchase adds what was paid, a sale takes the sold share of the cost, rounded as execute_trade rounds it.
CREATE FUNCTION add_to_position(p_position numeric[], p_kind text, p_quantity integer, p_amount numeric)
RETURNS numeric[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE p_kind
        WHEN 'buy' THEN ARRAY[p_position[1] + p_quantity, p_position[2] - p_amount]
        ELSE ARRAY[
            p_position[1] - p_quantity,
            p_position[2] - coalesce(round(p_position[2] * p_quantity / nullif(p_position[1], 0), 2), 0)
        ]
    END
$$;
CREATE AGGREGATE position_of(text, integer, numeric) (SFUNC = add_to_position, STYPE = numeric[], INITCOND = '{0,0}'); -- noqa: PRS
