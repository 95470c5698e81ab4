-- Published prices, one row where a tick changed one. Partitioned by month: old months are dropped, not deleted.
CREATE TABLE price_ticks (
    character_id integer NOT NULL REFERENCES characters (id) ON DELETE CASCADE,
    ticked_at timestamptz NOT NULL,
    price numeric(10, 2) NOT NULL CHECK (price > 0 AND price < 'Infinity'),
    fundamental numeric(10, 2) NOT NULL CHECK (fundamental >= 10 AND fundamental < 'Infinity'),
    demand bigint NOT NULL,
    PRIMARY KEY (character_id, ticked_at)
) PARTITION BY RANGE (ticked_at);
GRANT SELECT ON price_ticks TO market_app;
