"""How does a function become a command? Options that are settings come from their declaration, not from the function.

A command is ``function(run, …)`` under ``@command("store", "format", …)``: the names are those of ``config.Settings``.
It gets a ``Run`` with every setting resolved, and it returns the exit status (None: 0).
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import Field
from datetime import tzinfo
from inspect import Parameter, Signature, signature
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from ion_summary import config
from ion_summary.cli.given import Given
from ion_summary.cli.output import Output
from ion_summary.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from ion_summary.store.query import Query
    from ion_summary.store.storage import SessionSummaryStorage


class Command(TyperCommand):
    """A command whose usage line names an argument as people write it: typer puts required ones into braces."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The parts of the usage line."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


# Python's 700 has an ingest look for cyclic garbage, of which there is hardly any, for a tenth of its time.
_OBJECTS_BETWEEN_COLLECTIONS = 20_000
EVERYWHERE = ("quiet", "color", "debug")
SHORT = {"limit": "-n", "quiet": "-q"}
METAVARS = {
    "store": "DIR", "tz": "ZONE", "lock_timeout": "SECONDS", "max_bullets": "N", "max_chars": "N",
    "input_format": "NAME", "user": "ID", "source": "NAME", "workers": "N", "limit": "N",
    "keep": "N", "keep_daily": "N", "keep_weekly": "N", "keep_monthly": "N",
    "model": "NAME", "concurrency": "N", "rpm": "N", "tpm": "N", "max_cost": "USD",
}  # fmt: skip


class Run:
    """One invocation: the settings in force, where results go, and the settings file that was named, if any.

    ``tz`` is the zone of what is typed and shown, ``stored_tz`` that of stored times that name none (None: local). An
    option changes the former only: how the store is understood must not differ from one search to the next.
    """

    def __init__(self, settings: config.Settings, stored_tz: str, config: str | None) -> None:
        self.settings = settings
        self.config = config
        self.tz = zone(settings.tz, settings.origins["tz"])
        self.stored_tz = zone(stored_tz, "tz")
        self.out = Output(settings, self.tz, self.stored_tz, os.environ)

    def storage(self) -> SessionSummaryStorage:
        """The store that the settings name."""
        from ion_summary.store.storage import SessionSummaryStorage

        settings = self.settings
        return SessionSummaryStorage(
            settings.store, lock_timeout=settings.lock_timeout, tz=self.stored_tz, processes=settings.workers
        )

    @property
    def reading_tz(self) -> tzinfo | None:
        """The zone of transcripts that name none, if one was asked for; else it is for each format to say."""
        from ion_summary.times import LOCAL

        return None if self.settings.origins["tz"] == config.DEFAULT else self.tz or LOCAL

    def span(self, since: str | None, until: str | None) -> tuple[int | None, int | None]:
        """``--since`` and ``--until`` as milliseconds, both inclusive."""
        if since is None and until is None:
            return None, None
        from ion_summary import times

        return times.span_between(since, until, self.tz or times.LOCAL)

    def query(
        self, text: list[str] | None, since: str | None, until: str | None, *, type_: str | None, **rest: Any
    ) -> Query:
        """The question that the words and options of a command ask; ``rest`` are further members of ``Query``."""
        from ion_summary.store.query import Query

        first, last = self.span(since, until)
        rest = {name: readable(value) if isinstance(value, str) else value for name, value in rest.items()}
        return Query(text=readable(" ".join(text or [])) or None, type=type_, since_ms=first, until_ms=last, **rest)


def command(
    *settings: str, hidden: tuple[str, ...] = (), reads_file: bool = True
) -> Callable[[Callable[..., int | None]], Any]:
    """Makes ``function(run, …)`` a function that typer can turn into a command.

    ``settings`` names the settings it has an option for, besides those of every command; ``format`` adds ``--json``.
    ``hidden`` are settings accepted for uniformity (``--store``), but without effect and so not in the help.
    ``reads_file`` is False where the settings file itself is the subject, and may be missing or wrong.
    """
    json = "format" in settings

    def decorate(function: Callable[..., int | None]) -> Any:
        own = [
            each.replace(kind=Parameter.KEYWORD_ONLY) for each in signature(function, eval_str=True).parameters.values()
        ][1:]
        names = (*settings, *EVERYWHERE, *hidden)
        declared = {each.name: each for each in config.Settings.declared()}
        options = [_option(declared[name], name in hidden) for name in names]

        def wrapper(ctx: typer.Context, **values: Any) -> int | None:
            given: Given = ctx.find_root().obj
            given.config = values.pop("config_") or given.config
            if json and values.pop("json_"):
                if values["format_"] not in (None, "json"):
                    raise UsageError(
                        reason=f"--json and --format {values['format_']} contradict each other",
                        accepted="give one of them",
                    )
                values["format_"] = "json"
            if not gc.isenabled():  # __main__ has switched it off while modules are loaded; what is loaded stays
                gc.freeze()
                gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
                gc.enable()
            given.values.update({name: value for name in names if (value := values.pop(f"{name}_")) is not None})
            return function(_run(given, given.config if reads_file else os.devnull), **values)

        context = Parameter("ctx", Parameter.KEYWORD_ONLY, annotation=typer.Context)
        if json:
            options.insert(names.index("format") + 1, _JSON)
        parameters = [context, *own, *options, _CONFIG]
        wrapper.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {}
        wrapper.__name__, wrapper.__doc__ = function.__name__, function.__doc__
        return wrapper

    return decorate


def readable(text: str) -> str:
    """``text`` from the command line as Unicode: bytes that are no UTF-8 arrive as lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")


@contextmanager
def destination(file: str) -> Iterator[IO[bytes]]:
    """Where a user wants something written: a file that is replaced as a whole, or standard output (``-``)."""
    if file == "-":
        yield sys.stdout.buffer
        return
    from pathlib import Path

    from ion_summary.store.files import replacing

    with replacing(Path(file)) as target:
        yield target


def zone(name: str, origin: str) -> tzinfo | None:
    """The zone of that name; None is the local one, for which nothing needs to be imported."""
    if name == "local":
        return None
    from ion_summary import times

    try:
        return times.zone(name)
    except UsageError as error:
        if origin.startswith("option"):
            raise
        raise ConfigurationError(origin=origin, reason=f"tz: {error}") from error


def _run(given: Given, file: str | None) -> Run:
    settings = config.resolve(given.values, os.environ, file)
    given.debug, given.json = settings.debug, settings.format in ("json", "jsonl")
    stored_tz = settings.tz
    if "tz" in given.values:
        lasting = {name: value for name, value in given.values.items() if name != "tz"}
        stored_tz = config.resolve(lasting, os.environ, file).tz
    run = Run(settings, stored_tz, given.config)
    given.out = run.out
    return run


def _option(declared: Field[Any], hidden: bool = False) -> Parameter:
    """The typer parameter of one setting; None means that it was not given."""
    name, about = declared.name, declared.metadata
    kind: Any = {"bool": bool, "int": int, "float": float}.get(str(declared.type).removesuffix(" | None"), str)
    if about["choices"]:
        kind = Literal[about["choices"]]
    flags = (
        [about["option"].replace("--no-", "--") + "/" + about["option"]]
        if about["option"].startswith("--no-")
        else [about["option"]]
    )
    if name in SHORT:
        flags.insert(0, SHORT[name])
    shown = about["shown"] or ("" if kind is bool else declared.default)
    option = typer.Option(
        *flags,
        help=about["help"] + (f" [default: {shown}]" if shown else ""),
        metavar=METAVARS.get(name),
        show_default=False,
        hidden=hidden,
    )
    # The underscore keeps a command's own `user` (a filter) apart from the setting of that name.
    return Parameter(f"{name}_", Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option])


_JSON = Parameter(
    "json_",
    Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--json", help="The same as --format json.")],
)
_CONFIG = Parameter(
    "config_",
    Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        str | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings file to use instead of your own (or ION_SUMMARY_CONFIG)."
        ),
    ],
)
