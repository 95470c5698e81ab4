import pytest
from django.db import connections
@pytest.mark.django_db
def test_x():
    import pathlib
    text = pathlib.Path("/work/main/tests/module_schema.sql").read_text()
    lab = text[text.index("-- == Lab 1, step 2"):]
    with connections["owner"].cursor() as c:
        c.execute("CREATE SCHEMA module")
        c.execute("SET LOCAL search_path = module, public")
        c.execute(lab)
        for s in ("module", "public"):
            c.execute(f"SET LOCAL search_path = {s}, public")
            for q in ("select conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid) from pg_constraint where conrelid::regclass::text in ('crews','characters') order by 1,2",
              "select indexname, indexdef from pg_indexes where schemaname=%s and tablename in ('crews','characters','crew_analytics') order by 1",
              "select attrelid::regclass::text, attname, format_type(atttypid,atttypmod), attnotnull, attidentity, pg_get_expr(adbin,adrelid) from pg_attribute left join pg_attrdef on adrelid=attrelid and adnum=attnum where attnum>0 and attrelid::regclass::text in ('crews','characters','crew_analytics') order by 1, attnum",
              "select tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal and tgrelid::regclass::text in ('crews','characters') order by 1",
              "select pg_get_viewdef('crew_analytics'::regclass)"):
                c.execute(q, [s] if "%s" in q else None)
                for r in c.fetchall(): print(r)
            print("=======")
