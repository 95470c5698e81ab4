-- Carry a crew's new name into the search column of its members.
CREATE TRIGGER trigger_crew_search
AFTER UPDATE OF name ON crews
FOR EACH ROW WHEN (old.name IS DISTINCT FROM new.name)
EXECUTE FUNCTION refresh_crew_search();
