"""Which pages are generated, and are they up to date? ``make docs`` writes them again.

That is the page of errors, and the output of every executed example in the documents.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ion_summary import errors
from scripts.documents import ROOT, refreshed

EXECUTED = ["README.md", "README.ko.md", "docs/format.md", "docs/store.md"]

_ERRORS = """\
# Errors and exit codes

Every error is one line `error: …` and one line `hint: …` on standard error; with `--json`, one object with the code,
the message, the hint and the exit code. This page is generated from `ion_summary/errors.py` by `make docs`.

| exit | code | when | message | hint |
| --- | --- | --- | --- | --- |
"""
_OTHERS = """
Without an error: 0 done, 3 done but some inputs were rejected (the report says which and why), 130 interrupted,
141 the reader of a pipe went away.
"""


def errors_page() -> str:
    """The table of all errors, by exit code."""
    found = [errors.IonSummaryError, *errors.IonSummaryError.__subclasses__()]
    ours = [error for error in found if error.__module__ == errors.__name__]
    return _ERRORS + "".join(map(_row, sorted(ours, key=lambda error: error.exit_code))) + _OTHERS


def _row(error: type[errors.IonSummaryError]) -> str:
    cells = [error.exit_code, f"`{error.code}`", _first_line(error), _cell(error.text), _cell(error.hint_text)]
    return "".join(f"| {cell} " for cell in cells) + "|\n"


def _first_line(error: type[errors.IonSummaryError]) -> str:
    return (error.__doc__ or "").split("\n\n")[0].split(". ")[0].replace("\n", " ").rstrip(".")


def _cell(template: str) -> str:
    return template.replace("|", "\\|").replace("!r}", "}").replace(":g}", "}")


def main() -> None:
    """Write what differs, and say so."""
    with tempfile.TemporaryDirectory() as scratch:
        pages = {"docs/errors.md": errors_page()}
        for place, name in enumerate(EXECUTED):
            pages[name] = refreshed((ROOT / name).read_text("utf-8"), Path(scratch) / str(place))
    for name, text in pages.items():
        path = ROOT / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(f"wrote {name}")


if __name__ == "__main__":
    main()
