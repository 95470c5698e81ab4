-- The one row of rules, and the bound under which no single account can pump a price (kappa votes, commission c):
-- (P_min * e^kappa + 0.005) / (P_min - 0.005) * (1 - c) <= 1 + c, where P_min is 10.00 and kappa counts micro-votes.
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE market_rules ADD CONSTRAINT one_account_could_pump_the_price CHECK (
    (10.00 * exp(kappa / 1000000.0) + 0.005) / (10.00 - 0.005) * (1 - commission) <= 1 + commission
);
INSERT INTO market_rules DEFAULT VALUES;
