"""How is a plan to destroy something shown, and agreed to?"""

from __future__ import annotations

import sys
from typing import Any

import typer

from ion_summary.cli.command import Run
from ion_summary.errors import UsageError

#: Nothing was done, because somebody said no.
DECLINED = 2


def is_agreed(run: Run, question: str, *, yes: bool) -> bool:
    """Whether the user wants it; asked on a terminal. Raises UsageError where nobody can be asked."""
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            reason="nothing was done: there is no terminal to ask on",
            accepted="look at the plan with --dry-run, then give --yes",
        )
    agreed = typer.confirm(question, err=True)
    if not agreed:
        run.out.note("nothing was done")
    return agreed


def show(run: Run, planned: dict[str, Any], *, executed: bool) -> None:
    """Prints a plan as CONTRACT has it: before it is carried out, or after."""
    counted = ((name, len(value) if isinstance(value, list) else value) for name, value in planned.items())
    cells = [*counted, ("executed", "yes" if executed else "no")]
    drawn = [
        (name, "-" if value is None else f"{value:,}" if isinstance(value, int) else value) for name, value in cells
    ]
    run.out.render(
        document=lambda: {"plan": planned, "executed": executed},
        columns=("name", "value"),
        rows=lambda: cells,
        table=lambda terminal: terminal.fields(drawn),
    )
