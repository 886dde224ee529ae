"""How does a record look in JSON, in a row and on a terminal? The same in every command that shows one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ion_summary.errors import NothingReadableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ion_summary.cli.output import Output
    from ion_summary.cli.output.terminal import Terminal
    from ion_summary.model import Message, SessionSummary
    from ion_summary.operations.search import Hit
    from ion_summary.operations.similar import Alike
    from ion_summary.store.partition import Finding
    from ion_summary.text.terms import Term
    from ion_summary.transcripts.reader import Rejected

COLUMNS = ("session_id", "created_at", "user_id", "summary_type", "message_count", "summary")
MESSAGE_COLUMNS = ("timestamp", "role", "name", "content")
PARTIAL = 3
# Below this width, five columns leave too little for the text: then the rest stands above each other in one column.
_WIDE = 100
_SHOWN = ("tags", "participants", "source", "model")


def row(out: Output, record: SessionSummary) -> tuple[Any, ...]:
    """The cells of ``COLUMNS``."""
    return (
        record.session_id,
        out.time(record.created_at),
        record.user_id,
        record.summary_type,
        record.message_count,
        record.summary,
    )


def hit_document(hit: Hit) -> dict[str, Any]:
    """The JSON value of a hit."""
    document = {**hit.record.to_dict(), "score": hit.score, "snippet": hit.snippet}
    return document if hit.message is None else {**document, "message": hit.message}


def hits_table(terminal: Terminal, hits: Sequence[Hit]) -> None:
    """Hits with the match shown in its context."""
    from ion_summary.cli.output.terminal import Column, Marked

    snippets = [Marked(hit.snippet, hit.spans) for hit in hits]
    times = [terminal.time(hit.record.created_at) for hit in hits]
    if terminal.width >= _WIDE:
        terminal.table(
            ["time", Column("user", most=20), "type", Column("summary", wide=True), Column("id", most=36)],
            [
                (time, hit.record.user_id, hit.record.summary_type, snippet, hit.record.session_id)
                for time, hit, snippet in zip(times, hits, snippets, strict=True)
            ],
        )
        return
    terminal.table(
        [Column("session", most=max(16, terminal.width * 2 // 5)), Column("summary", wide=True)],
        [
            (f"{time}\n{hit.record.user_id}\n{hit.record.summary_type}\n{hit.record.session_id}", snippet)
            for time, hit, snippet in zip(times, hits, snippets, strict=True)
        ],
    )


def alike_table(terminal: Terminal, found: Sequence[Alike]) -> None:
    """Sessions with how much they are like another, and the words that both have."""
    from ion_summary.cli.output.terminal import Column

    terminal.table(
        [Column("alike", right=True), Column("session", most=max(16, terminal.width // 3)), Column("words", wide=True)],
        [
            (f"{each.score:.0%}", f"{each.record.session_id}\n{each.record.user_id}", ", ".join(each.shared))
            for each in found
        ],
    )


def block(terminal: Terminal, record: SessionSummary) -> None:
    """One record to be read: what it is, the bullets, and where it comes from."""
    count = f"{record.message_count:,} message{'' if record.message_count == 1 else 's'}"
    terminal.text(record.metadata.get("title") or record.session_id, style="bold")
    terminal.text(
        f"{terminal.time(record.created_at)} · {record.user_id} · {record.summary_type} · {count}", style="dim"
    )
    terminal.text()
    terminal.text(record.summary, indent=2)
    terminal.text()
    shown = [("id", record.session_id)]
    shown += [(name, _value(record.metadata[name])) for name in _SHOWN if record.metadata.get(name)]
    shown += _of_model(record.metadata)
    terminal.fields(shown, indent=2)
    terminal.text()


def _of_model(metadata: dict[str, Any]) -> list[tuple[str, str]]:
    """What a model's summary rests on, what of it is doubtful, what it has cost; or why there is none."""
    shown = []
    if isinstance(metadata.get("evidence"), list):
        cited = [", ".join(map(str, numbers)) for numbers in metadata["evidence"] if isinstance(numbers, list)]
        shown.append(("evidence", " · ".join(f"bullet {n}: messages {some}" for n, some in enumerate(cited, 1))))
    if isinstance(metadata.get("flags"), list) and metadata["flags"]:
        flags = [flag for flag in metadata["flags"] if isinstance(flag, dict)]
        told = (f"bullet {flag.get('bullet')}: {flag.get('kind')} {flag.get('text')!r}" for flag in flags)
        shown.append(("not in the messages", " · ".join(told)))
    if isinstance(metadata.get("cost_usd"), int | float):
        shown.append(("cost", f"${metadata['cost_usd']:.6f}"))
    if isinstance(metadata.get("llm_error"), dict):
        shown.append(("no LLM summary", str(metadata["llm_error"].get("reason"))))
    return shown


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return " · ".join(str(part) for part in value.values() if part)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def message_document(message: Message) -> dict[str, Any]:
    """The JSON value of a message."""
    return {
        "role": message.role,
        "content": message.content,
        "timestamp": _utc(message.timestamp),
        "name": message.name,
    }


def message_row(out: Output, message: Message) -> tuple[Any, ...]:
    """The cells of ``MESSAGE_COLUMNS``."""
    time = _utc(message.timestamp)
    return (out.time(time) if time else None, message.role, message.name, message.content)


def conversation(
    terminal: Terminal, record: SessionSummary, messages: Sequence[Message], terms: Sequence[Term]
) -> None:
    """The session itself, to be read, with the terms marked."""
    from ion_summary.cli.output.terminal import Marked
    from ion_summary.operations.search import spans

    terminal.text(record.metadata.get("title") or record.session_id, style="bold")
    for message in messages:
        time = _utc(message.timestamp)
        terminal.text()
        speaker = message.name or message.role
        terminal.text(f"{speaker} · {terminal.time(time)}" if time else speaker, style="dim")
        terminal.text(Marked(message.content, spans(message.content, terms)), indent=2)


def _utc(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def finding_document(finding: Finding) -> dict[str, Any]:
    """The JSON value of a damage."""
    return {"file": str(finding.file), "line": finding.line, "problem": finding.problem}


def rejected_document(rejected: Rejected) -> dict[str, Any]:
    """The JSON value of an input that could not be read."""
    return {"path": rejected.source, "line": rejected.line, "reason": rejected.reason}


def place(file: str, line: int | None) -> str:
    """Where something is wrong, as editors and terminals understand it."""
    return file if line is None else f"{file}:{line}"


def rejected_line(rejected: Rejected) -> str:
    """An input that could not be read, for people."""
    return f"rejected: {place(rejected.source, rejected.line)}: {rejected.reason}"


def status(read: int, rejected: int) -> int:
    """The exit status of a command that read ``read`` sessions. Raises NothingReadableError if all were rejected."""
    if rejected and not read:
        raise NothingReadableError(
            reason=f"all {rejected:,} inputs were rejected" if rejected > 1 else "it was rejected"
        )
    return PARTIAL if rejected else 0
