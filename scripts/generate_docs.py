"""Which pages are generated, and are they up to date? ``make docs`` writes them again.

That is the pages of errors, settings, commands and modules, and the output of every executed example.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from ion_summary import config, errors
from ion_summary.cli.app import COMMANDS
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
    found: list[type[errors.IonSummaryError]] = [errors.IonSummaryError]
    for error in found:  # grows as it goes
        found += error.__subclasses__()
    # One that others are made of and that says nothing itself is never met.
    found = [error for error in found if "text" in vars(error) or not error.__subclasses__()]
    ours = [error for error in found if error.__module__ == errors.__name__]
    return _ERRORS + "".join(map(_row, sorted(ours, key=lambda error: error.exit_code))) + _OTHERS


def _row(error: type[errors.IonSummaryError]) -> str:
    cells = [error.exit_code, f"`{error.code}`", _first_line(error), _cell(error.text), _cell(error.hint_text)]
    return "".join(f"| {cell} " for cell in cells) + "|\n"


def _first_line(error: type[errors.IonSummaryError]) -> str:
    return (error.__doc__ or "").split("\n\n")[0].split(". ")[0].replace("\n", " ").rstrip(".")


def _cell(template: str) -> str:
    return template.replace("|", "\\|").replace("!r}", "}").replace(":g}", "}")


_SETTINGS = """\
# Settings

Each can be given as an option of the commands that use it, as an environment variable, or in the settings file; the
first of these that names it decides. `ion-summary config show` prints the value in force and where it comes from,
`ion-summary config init` writes a settings file with everything in it commented out, and `ion-summary config path` says
where. This page is generated from `ion_summary/config.py` by `make docs`.

| setting | option | environment | default | what it does |
| --- | --- | --- | --- | --- |
"""


def settings_page() -> str:
    """The table of all settings."""
    rows = ""
    for declared in config.Settings.declared():
        about = declared.metadata
        plain = str(declared.default)
        default = about["shown"] or f"`{plain.lower() if isinstance(declared.default, bool) else plain}`"
        help_text = about["help"] + (f" One of: {', '.join(about['choices'])}." if about["choices"] else "")
        variable = f"{config.PREFIX}{declared.name.upper()}"
        option = f"`{about['option']}`" if about["option"] else ""
        names = ", ".join(f"`{each}`" for each in (variable, *about["variables"]))
        rows += f"| `{declared.name}` | {option} | {names} | {default} | {help_text} |\n"
    return _SETTINGS + rows


def commands_page() -> str:
    """The help of the tool and of each command, as it is printed."""
    text = "# Commands\n\nThis page is what `-h` prints; `make docs` writes it again.\n"
    for name in ["", *COMMANDS]:
        command = ["ion-summary", name, "-h"] if name else ["ion-summary", "-h"]
        help_text = _help(command[1:])
        text += f"\n## {' '.join(command[:-1])}\n\n```text\n{help_text.strip()}\n```\n"
    return text


def modules_page() -> str:
    """Every module with the question it answers: the first paragraph of its docstring."""
    text = "# Modules\n\nEvery module answers one question. `make docs` writes this page from their docstrings.\n"
    package = ROOT / "ion_summary"
    for directory in [package, *sorted({path.parent for path in package.rglob("*.py")} - {package})]:
        text += f"\n## `{directory.relative_to(ROOT).as_posix()}/`\n\n| module | question |\n| --- | --- |\n"
        for path in sorted(directory.glob("*.py"), key=lambda path: (path.name != "__init__.py", path.name)):
            docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            question = docstring.split("\n\n")[0].replace("\n", " ").replace("|", "\\|").replace("``", "`")
            text += f"| `{path.name}` | {question} |\n"
    return text


def _help(arguments: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ion_summary", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "COLUMNS": "100", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    return re.sub(r" +$", "", done.stdout, flags=re.M)


GENERATED = {
    "docs/errors.md": errors_page,
    "docs/configuration.md": settings_page,
    "docs/commands.md": commands_page,
    "docs/modules.md": modules_page,
}


def main() -> None:
    """Write what differs, and say so."""
    with tempfile.TemporaryDirectory() as scratch:
        pages = {name: page() for name, page in GENERATED.items()}
        for place, name in enumerate(EXECUTED):
            pages[name] = refreshed((ROOT / name).read_text("utf-8"), Path(scratch) / str(place))
    for name, text in pages.items():
        path = ROOT / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(f"wrote {name}")


if __name__ == "__main__":
    main()
