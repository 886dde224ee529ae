"""Which format is a source written in, why, and what else was considered?

By content, most specific first; the name counts only where the content leaves it open. Nothing is guessed to be text.
A new format is one module with a ``READER`` and its name in ``_FORMATS``. Formats of plugins come after all of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module

from ion_summary.errors import UnknownFormatError
from ion_summary.transcripts import files, plugins, sniff
from ion_summary.transcripts.reader import Evidence, Reader, Source
from ion_summary.version import VERSION

_JSON, _TEXT, _BINARY = "json", "text", "binary"
# In the order in which they are asked; of equal evidence the first wins. Each with the kinds of content that it can be:
# the others' modules need not even be imported.
_FORMATS: Mapping[str, tuple[str, ...]] = {
    "chatgpt": (_JSON,),
    "claude": (_JSON,),
    "claude_code": (_JSON,),
    "codex": (_JSON,),
    "gemini_cli": (_JSON,),
    "aistudio": (_JSON, _TEXT),  # JSON that is not quite right
    "gemini_takeout": (_JSON, _TEXT),
    "llm": (_BINARY,),
    "native": (_JSON,),
    "openai": (_JSON,),
    "sharegpt": (_JSON,),
    "slack": (_JSON, _TEXT),  # a day without messages is an empty array, in which nothing of JSON shows
    "discord": (_JSON,),
    "telegram": (_JSON,),
    "facebook": (_JSON,),
    "kakaotalk": (_TEXT,),
    "whatsapp": (_TEXT,),
    "captions": (_TEXT,),
    "mbox": (_TEXT,),
    "aider": (_TEXT,),
    "plaintext": (_TEXT,),
    "csv": (_TEXT,),
}
_NAMES = tuple(_FORMATS)


class _Readers(Mapping[str, Reader]):
    """The readers by name; a module is imported when its reader is asked for, plugins when all of them are."""

    def __getitem__(self, name: str) -> Reader:
        if name not in _FORMATS:
            return plugins.readers(_NAMES)[name]
        reader: Reader = import_module(f"ion_summary.transcripts.{name}").READER
        return reader

    def __iter__(self) -> Iterator[str]:
        yield from _FORMATS
        yield from plugins.readers(_NAMES)

    def __len__(self) -> int:
        return len(_FORMATS) + len(plugins.readers(_NAMES))


READERS: Mapping[str, Reader] = _Readers()


@dataclass(frozen=True, slots=True)
class Detection:
    """The ``reader`` of a source (None if nobody can read it), the ``reason`` for that, every format's ``evidence``.

    ``opened``: whether that is about what the source holds.
    """

    reader: Reader | None
    reason: str
    evidence: list[tuple[str, Evidence]] = field(default_factory=list)
    opened: bool = True


def edition() -> str | None:
    """What is unknown to the readers of one edition always is. None if there are plugins: who knows what they know."""
    return None if plugins.readers(_NAMES) else VERSION


def detect(source: Source, input_format: str | None = None) -> Detection:
    """What ``source`` is taken for. ``input_format`` is taken at its word. Never raises for what the source holds.

    Raises UnknownFormatError if there is no reader of that name.
    """
    if input_format is not None:
        input_format = input_format.replace("-", "_")
        if input_format not in READERS:
            raise UnknownFormatError(name=input_format, known=", ".join(READERS))
        return Detection(READERS[input_format], "named by --input-format")
    try:
        with source.open() as file:
            head = file.read(sniff.HEAD)
            found = _seen(head, source.name)
            if found.reader is None and len(head) == sniff.HEAD and head.lstrip()[:1] in (b"{", b"["):
                found = _seen(head + file.read(sniff.LONG_HEAD - sniff.HEAD), source.name)
    except OSError as error:
        return Detection(None, files.reason(error), opened=False)
    return found


def _seen(head: bytes, name: str) -> Detection:
    """What a source of that name is taken for that begins so."""
    look = sniff.look(head)
    if look.kind == "empty":
        return Detection(None, look.what)
    asked = [each for each in READERS if look.kind in _FORMATS.get(each, (look.kind,))]
    found = [(each, READERS[each].recognise(head, name)) for each in asked]
    evidence = sorted(((each, why) for each, why in found if why), key=lambda pair: -pair[1].score)
    if evidence and evidence[0][1].score >= Evidence.TAKEN:
        taken, best = evidence[0]
        return Detection(READERS[taken], best.reason, evidence)
    return Detection(None, _unknown(look, evidence), evidence)


def _unknown(look: sniff.Look, evidence: list[tuple[str, Evidence]]) -> str:
    what = look.what or (f"JSON ({look.layout})" if look.kind == "json" else "text")
    if look.kind == "binary" and not evidence:
        return what
    if not evidence:
        return f"unknown format: {what} that resembles no known transcript"
    name, nearest = evidence[0]
    return f"unknown format: {what}; the nearest is {name} ({nearest.reason})"
