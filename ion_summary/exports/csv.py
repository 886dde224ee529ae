"""How do records become CSV (RFC 4180) that a spreadsheet opens as a table, and executes nothing of?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any

from ion_summary.exports.columns import COLUMNS, values
from ion_summary.exports.exporter import Exported
from ion_summary.text.cells import csv_cell


def write(items: Iterable[Exported], file: IO[bytes]) -> None:
    """A header and one row per record; lists as texts with ``; `` between. UTF-8 with a mark, which Excel needs."""
    import csv
    import io

    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    try:
        rows = csv.writer(text, lineterminator="\r\n")
        rows.writerow(COLUMNS)
        for record, _ in items:
            rows.writerow(map(csv_cell, map(_cell, values(record).values())))
    finally:
        text.detach()  # the file belongs to the caller


def _cell(value: Any) -> Any:
    return "; ".join(value) if isinstance(value, list) else value
