"""Which settings are there, and which value does each have, from where?

Every setting is declared once, as a field of ``Settings``; command line, environment, settings file, ``config show``,
``config init`` and ``docs/configuration.md`` follow from that. The first of these that names a setting decides: the
option, the environment variable ``ION_SUMMARY_<NAME>``, the settings file, the default.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from ion_summary.errors import ConfigurationError, UsageError

FORMATS = ("auto", "table", "plain", "json", "jsonl", "csv")
Sort = Literal["relevance", "newest", "oldest"]
Mode = Literal["online", "batch"]
SPLITS = ("day", "none")
PREFIX = "ION_SUMMARY_"
DEFAULT = "default"

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")
_KINDS = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "a text", "Path": "a path"}


def _setting(
    default: Any,
    text: str,
    *,
    option: str = "",
    choices: tuple[str, ...] = (),
    least: int | None = None,
    shown: str = "",
    variables: tuple[str, ...] = (),
    secret: bool = False,
    url: bool = False,
) -> Any:
    """A field of Settings. ``least`` is the smallest allowed number, ``shown`` says what no value means; a ``url`` is
    one of the web.

    ``variables`` are what others call the setting in the environment, the first that is set counting; a ``secret`` is
    never shown. Without an ``option`` it is no matter of a single command.
    """
    metadata = {"help": text, "option": option, "choices": choices, "least": least, "shown": shown}
    metadata |= {"variables": variables, "secret": secret, "url": url}
    return field(default=default, metadata=metadata)


# What is left out is compiled anew at every start, and would cost it two milliseconds.
@dataclass(frozen=True, slots=True, eq=False, repr=False, init=False)
class Settings:
    """The value of every setting; ``origins`` says by name where each comes from."""

    store: Path = _setting(  # noqa: RUF009 - it returns a field
        Path(),
        "Directory of the store.",
        option="--store",
        shown="$XDG_DATA_HOME/ion-summary (~/.local/share/ion-summary)",
    )
    format: str = _setting(
        "auto",
        "How results are printed; auto: a table on a terminal, plain in a pipe.",
        option="--format",
        choices=FORMATS,
    )
    tz: str = _setting(
        "local",
        "Time zone of the times shown, of bare dates and of times that name none: local, UTC, Asia/Seoul.",
        option="--tz",
    )
    lock_timeout: float = _setting(
        10.0, "Seconds to wait for another writer of the store.", option="--lock-timeout", least=0
    )
    quiet: bool = _setting(False, "Print results and errors only: no progress, no notes.", option="--quiet")
    color: bool = _setting(
        True, "Colours on a terminal; NO_COLOR in the environment turns them off too.", option="--no-color"
    )
    debug: bool = _setting(False, "Print the traceback of an error.", option="--debug")
    max_bullets: int = _setting(8, "Bullets in a summary, at most.", option="--max-bullets", least=1)
    max_chars: int = _setting(800, "Characters in a summary, at most.", option="--max-chars", least=1)
    input_format: str | None = _setting(
        None, "Read every file as this format.", option="--input-format", shown="detected by content, file by file"
    )
    user: str | None = _setting(
        None,
        "User of sessions that name none, and of chat rooms.",
        option="--user",
        shown="unknown, and the room's name",
    )
    source: str | None = _setting(
        None, "Name that ingest keeps as where sessions come from.", option="--source", shown="the name of the format"
    )
    workers: int | None = _setting(
        None, "Processes that ingest and reindex use.", option="--workers", least=1, shown="one per processor"
    )
    transcripts: bool = _setting(True, "Keep the sessions themselves beside the summaries.", option="--no-transcripts")
    split: str = _setting(
        "day", "Chat rooms become one session a day, or one in all.", option="--split", choices=SPLITS
    )
    limit: int = _setting(20, "Hits that search shows.", option="--limit", least=0)
    sort: Sort = _setting(  # noqa: RUF009 - as above
        "relevance",
        "Order of the hits; without words to search for: newest first.",
        option="--sort",
        choices=get_args(Sort),
    )
    keep: int | None = _setting(
        None, "Archives that backup keeps: the last N.", option="--keep", least=1, shown="all, without any rule"
    )
    keep_daily: int | None = _setting(
        None,
        "And the newest of each of the last N days that have one.",
        option="--keep-daily",
        least=1,
        shown="no such rule",
    )
    keep_weekly: int | None = _setting(
        None, "The same for weeks, from Monday.", option="--keep-weekly", least=1, shown="no such rule"
    )
    keep_monthly: int | None = _setting(
        None, "The same for months.", option="--keep-monthly", least=1, shown="no such rule"
    )
    llm: bool = _setting(False, "Have Gemini summarize as well; needs a key, and costs money.", option="--llm/--no-llm")
    model: str = _setting("gemini-2.5-flash-lite", "Model that summarizes.", option="--model")
    mode: Mode = _setting(  # noqa: RUF009 - as above
        "online",
        "How the model is asked: online, or in batches, which take up to a day and cost half.",
        option="--mode",
        choices=get_args(Mode),
    )
    redact: bool = _setting(
        False,
        "Replace personal data (phone, card and account numbers, e-mail, keys) before it is sent or stored.",
        option="--redact/--no-redact",
    )
    concurrency: int = _setting(8, "Calls to the model at once.", option="--concurrency", least=1)
    rpm: float | None = _setting(
        None, "Calls to the model per minute.", option="--rpm", least=0, shown="as many as the provider takes"
    )
    tpm: float | None = _setting(
        None, "Input tokens per minute.", option="--tpm", least=0, shown="as many as the provider takes"
    )
    max_cost: float | None = _setting(
        None, "US dollars that one run may spend.", option="--max-cost", least=0, shown="no limit"
    )
    budget_day: float | None = _setting(
        None, "US dollars that may be spent in a day (UTC), by all runs on a store.", least=0, shown="no limit"
    )
    budget_month: float | None = _setting(
        None, "US dollars that may be spent in a month (UTC), by all runs on a store.", least=0, shown="no limit"
    )
    timeout: float = _setting(60.0, "Seconds after which a call to the model is given up.", least=1)
    prices: str | None = _setting(
        None, "TOML file with prices that go before the known ones.", shown="the prices that come with ion-summary"
    )
    base_url: str | None = _setting(
        None,
        "Another address of the Gemini API: a gateway, a test server.",
        shown="Google's",
        variables=("GOOGLE_GEMINI_BASE_URL",),
        url=True,
    )
    api_key: str | None = _setting(
        None, "Key for Gemini.", shown="none", variables=("GOOGLE_API_KEY", "GEMINI_API_KEY"), secret=True
    )
    origins: Mapping[str, str] = field(default_factory=dict)

    def __init__(self, values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
        """``values`` has every setting by its name."""
        for each in Settings.declared():
            object.__setattr__(self, each.name, values[each.name])
        object.__setattr__(self, "origins", origins)

    @staticmethod
    def declared() -> Iterator[Field[Any]]:
        """The settings in order: name, type, default, and in ``metadata`` help, option, choices."""
        return (each for each in fields(Settings) if "help" in each.metadata)


def resolve(
    options: Mapping[str, Any], environment: Mapping[str, str], file: str | os.PathLike[str] | None = None
) -> Settings:
    """The settings in force.

    ``options`` are values given by name (None: not given), ``environment`` is usually ``os.environ``, and ``file``
    names the settings file (default: ``ION_SUMMARY_CONFIG``, else the user's own, which need not exist).
    Raises UsageError for a bad option, ConfigurationError for a bad variable or settings file.
    """
    path, required = find_file(environment, file)
    from_file = _read_file(path, required)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for each in Settings.declared():
        name, variable = each.name, PREFIX + each.name.upper()
        if options.get(name) is not None:
            values[name], origins[name] = options[name], f"option {each.metadata['option']}"
            if problem := _problem(each, values[name]):
                raise UsageError(
                    reason=f"{each.metadata['option']}: {problem}",
                    accepted=f"see `{each.metadata['option']}` in the help",
                )
        elif variable := _set_of((variable, *each.metadata["variables"]), environment):
            values[name], origins[name] = _from_text(each, environment[variable], variable), f"environment {variable}"
        elif name in from_file:
            values[name], origins[name] = from_file[name], f"file {path}"
        else:
            values[name], origins[name] = each.default, DEFAULT
    values["lock_timeout"] = float(values["lock_timeout"])
    values["store"] = _store(values["store"], origins["store"], path.parent, environment)
    return Settings(values, origins)


def _set_of(variables: tuple[str, ...], environment: Mapping[str, str]) -> str:
    """The first of the variables that says something, "" if none does."""
    return next((variable for variable in variables if environment.get(variable)), "")


def find_file(environment: Mapping[str, str], file: str | os.PathLike[str] | None = None) -> tuple[Path, bool]:
    """The settings file, and whether it was asked for by name (then it must exist)."""
    if file is not None:
        return Path(file), True
    if named := environment.get(PREFIX + "CONFIG"):
        return Path(named), True
    return _base(environment, "XDG_CONFIG_HOME", ".config") / "ion-summary" / "config.toml", False


def _read_file(path: Path, required: bool) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if required:
            raise ConfigurationError(origin=path, reason="there is no such file") from error
        return {}
    except OSError as error:
        raise ConfigurationError(origin=path, reason=f"cannot be read: {error.strerror}") from error
    import tomllib

    try:
        table = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigurationError(origin=path, reason="is not UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(origin=path, reason=f"is not TOML: {error}") from error
    declared = {each.name: each for each in Settings.declared()}
    for key, value in table.items():
        if key not in declared:
            raise ConfigurationError(origin=path, reason=f"unknown setting {key!r}{_nearest(key, declared)}")
        if problem := _problem(declared[key], value):
            raise ConfigurationError(origin=path, reason=f"{key}: {problem}")
    return table


def _problem(each: Field[Any], value: Any) -> str:
    """What is wrong with ``value`` for this setting; an empty text if nothing is."""
    kind = kind_of(each)
    wanted: tuple[type, ...] = {
        "bool": (bool,),
        "int": (int,),
        "float": (int, float),
        "str": (str,),
        "Path": (str, Path),
    }[kind]
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "bool"):
        return f"must be {_KINDS[kind]}" + ("" if each.metadata["secret"] else f", not {value!r}")
    choices, least = each.metadata["choices"], each.metadata["least"]
    if choices and value not in choices:
        return f"must be one of {', '.join(choices)}, not {value!r}"
    number: Any = value
    if least is not None and not least <= number < float("inf"):
        return f"must be at least {least}, not {value!r}"
    if kind in ("str", "Path") and (not str(value) or "\0" in str(value)):
        return "must not be empty"
    if each.metadata["url"] and not _is_url(str(value)):
        return f"must be a URL with http:// or https:// and a host, not {value!r}"
    return ""


def _is_url(text: str) -> bool:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and text.isprintable()
            and " " not in text
        )
    except ValueError:  # a port that is none, half an IPv6 address
        return False


def _from_text(each: Field[Any], text: str, variable: str) -> Any:
    """The value that the environment ``variable`` means by ``text``."""
    kind, value = kind_of(each), text.strip()
    converted: Any = value
    try:
        if kind == "bool" and value.lower() in _TRUE + _FALSE:
            converted = value.lower() in _TRUE
        elif kind in ("int", "float"):
            converted = int(value) if kind == "int" else float(value)
    except ValueError:
        pass  # stays a text, and is named as such
    if problem := _problem(each, converted):
        raise ConfigurationError(origin=variable, reason=problem)
    return converted


def _store(value: str | Path, origin: str, beside: Path, environment: Mapping[str, str]) -> Path:
    """The store's directory; in a settings file, a relative one is meant relative to that file."""
    if origin == DEFAULT:
        return _base(environment, "XDG_DATA_HOME", ".local/share") / "ion-summary"
    text = os.fspath(value)
    if text == "~" or text.startswith("~/"):
        return _home(environment) / text[2:]
    return beside / text if origin.startswith("file ") else Path(text)


def _base(environment: Mapping[str, str], variable: str, below_home: str) -> Path:
    directory = environment.get(variable, "")
    # The XDG specification: a relative path is invalid and to be ignored.
    return Path(directory) if directory.startswith("/") else _home(environment) / below_home


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment["HOME"]) if environment.get("HOME") else Path.home()


def kind_of(each: Field[Any]) -> str:
    """What a setting is: one of bool, int, float, str and Path."""
    name = str(each.type).removesuffix(" | None")
    return name if name in _KINDS else "str"


def _nearest(key: str, known: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key.replace("-", "_"), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
