-- A delisting buys back: price times quantity, without a fee.
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_sum_check, ADD CONSTRAINT ledger_entries_sum_check CHECK (
    amount = CASE kind
        WHEN 'buy' THEN -price * quantity - fee
        WHEN 'sell' THEN price * quantity - fee
        WHEN 'delisting' THEN price * quantity
        ELSE amount
    END
);
