"""Everything of one kind as a file."""

import tempfile
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse

from characters.exporting import HEADERS, rows
from characters.sheets import write_csv, write_xlsx

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def export_view(page: Any, kind: str) -> Callable[[HttpRequest], HttpResponseBase]:
    """Return the view that sends all rows of one kind: CSV in pieces, XLSX from a temporary file."""

    def view(request: HttpRequest) -> HttpResponseBase:
        if not page.has_view_permission(request):
            raise PermissionDenied
        if request.GET.get("format") == "xlsx":
            file = tempfile.TemporaryFile()  # noqa: SIM115  the response closes it
            write_xlsx(HEADERS[kind], rows(kind), file)
            file.seek(0)
            return FileResponse(file, as_attachment=True, filename=f"{kind}.xlsx", content_type=XLSX)
        response = StreamingHttpResponse(write_csv(HEADERS[kind], rows(kind)), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{kind}.csv"'
        return response

    return view
