"""``ion-summary config``: the settings and where each comes from."""

from __future__ import annotations

import os
from dataclasses import Field
from typing import Any

import typer

from ion_summary import config as settings
from ion_summary.cli.command import Command, Run, command
from ion_summary.cli.output.inert import plain_cell
from ion_summary.operations.config import write_template

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def config(ctx: typer.Context) -> int | None:
    """Show the settings and where each comes from.

    \b
    Examples:
      ion-summary config show     every setting, its value and its source
      ion-summary config path     where the settings file is
      ion-summary config init     write one, all commented out
    """
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help(), err=True)
        return 2
    return None


@app.command(cls=Command)
@command("store", "format", "tz", "lock_timeout")
def show(run: Run) -> None:
    """Show every setting with its value and where that comes from."""
    rows = [
        (each.name, _shown(each, getattr(run.settings, each.name)), run.settings.origins[each.name])
        for each in settings.Settings.declared()
    ]
    cells = [(name, "" if value is None else str(value), source) for name, value, source in rows]
    run.out.render(
        document=lambda: {name: {"value": value, "source": source} for name, value, source in rows},
        items=lambda: [{"name": name, "value": value, "source": source} for name, value, source in rows],
        columns=("name", "value", "source"),
        rows=lambda: cells,
        table=lambda terminal: terminal.table(["setting", "value", "comes from"], cells),
    )


@app.command(cls=Command)
@command(hidden=("store",), reads_file=False)
def path(run: Run) -> None:
    """Print the path of the settings file, whether it exists or not."""
    run.out.line(plain_cell(settings.find_file(os.environ, run.config)[0]))


@app.command(cls=Command)
@command(hidden=("store",), reads_file=False)
def init(run: Run) -> None:
    """Write a settings file in which everything is commented out; an existing one is left alone."""
    file, _ = settings.find_file(os.environ, run.config)
    write_template(file)
    run.out.line(plain_cell(file))


def _shown(declared: Field[Any], value: object) -> object:
    if declared.metadata["secret"] and value is not None:
        return "(set, not shown)"
    return str(value) if isinstance(value, os.PathLike) else value
