-- The module's key from characters to crews: checked at once, where Django's own is deferred to the commit.
-- squawk-ignore ban-drop-constraint
ALTER TABLE characters DROP CONSTRAINT characters_crew_id_15aba809_fk_crews_id;
-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid
ALTER TABLE characters ADD CONSTRAINT characters_crew_id_fkey FOREIGN KEY (crew_id) REFERENCES crews (id) ON DELETE CASCADE;
