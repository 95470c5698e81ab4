-- Record every change of crews in what staff write, whoever writes it; a new price or market cap records nothing.
CREATE TRIGGER trigger_record_crew_change
AFTER UPDATE OF
name, captain, description, founded_date, is_active
ON crews
FOR EACH ROW WHEN (
    (
        old.name, old.captain, old.description, old.founded_date, old.is_active
    ) IS DISTINCT FROM (
        new.name, new.captain, new.description, new.founded_date, new.is_active
    )
)
EXECUTE FUNCTION record_change(
    'name', 'captain', 'description', 'founded_date', 'is_active'
);

CREATE TRIGGER trigger_record_new_crews
AFTER INSERT ON crews
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION record_new();

CREATE TRIGGER trigger_record_gone_crews
AFTER DELETE ON crews
REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION record_gone();
