-- What an entry moves is its price times its quantity and the fee, for every writer.
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_sum_check CHECK (
    amount = CASE kind
        WHEN 'buy' THEN -price * quantity - fee
        WHEN 'sell' THEN price * quantity - fee
        ELSE amount
    END
);
-- The ledger belongs to accounts, and accounts to users: who is in the ledger cannot be deleted. The key goes to accounts,
-- because the check of a key from the ledger to users would need UPDATE on the ledger, which nobody has; and because the
-- account's row is locked by the trade already.
-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid
ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_user_id_fkey FOREIGN KEY (user_id) REFERENCES accounts (user_id);
