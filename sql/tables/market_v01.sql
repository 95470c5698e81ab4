-- The market that moves. Until now votes were noted and never consumed, and a full vote was what it would be without a bounty:
-- both begin anew, from what is held. Accounts begin to count with the worker's next round.
-- squawk-ignore adding-required-field
ALTER TABLE price_ticks ADD COLUMN votes bigint NOT NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_price_ticks_time ON price_ticks USING brin (ticked_at);
SELECT make_price_partitions(now(), now());
UPDATE listings l SET full_vote = full_vote(l.fundamental), listed_price = c.current_price
FROM characters c
WHERE c.id = l.character_id;
SET LOCAL ROLE market_system;
DELETE FROM order_flow;
UPDATE accounts a SET is_barred = true FROM users u WHERE u.id = a.user_id AND (u.is_staff OR NOT u.is_active);
RESET ROLE;
