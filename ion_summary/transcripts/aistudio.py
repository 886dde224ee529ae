"""How is a prompt of Google AI Studio read, as it lies in Google Drive: one JSON file with ``chunkedPrompt``?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from ion_summary.model import Message
from ion_summary.transcripts import encoding, sniff
from ion_summary.transcripts.agents import Growing
from ion_summary.transcripts.chat_messages import done
from ion_summary.transcripts.gemini_parts import said_in
from ion_summary.transcripts.json_value import JsonError, a_list, a_text, an_object, loads
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.records import elements_of
from ion_summary.transcripts.stamps import stamp

MAX_WHOLE = 16 << 20
"""Bytes of a file that is held as a whole, and repaired if need be; of a larger one each chunk is read by itself."""
_CHUNKS = "chunkedPrompt.chunks"
_ROLES = {"user": "user", "model": "assistant"}
_ATTACHED = {
    "driveDocument": "[document]",
    "driveImage": "[image]",
    "inlineImage": "[image]",
    "driveVideo": "[video]",
    "youtubeVideo": "[video]",
    "driveAudio": "[audio]",
    "inlineAudio": "[audio]",
    "inlineFile": "[file]",
}
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.S)
_RAW_CONTROL = re.compile(rb"[\x00-\x1f]")
_SUFFIX = re.compile(r"\.(?:json|txt|prompt)$", re.I)


class AiStudioReader:
    """``{"runSettings": …, "systemInstruction": …, "chunkedPrompt": {"chunks": […]}}``; often without a suffix."""

    name = "aistudio"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """An object with ``chunkedPrompt``, even if it is not quite JSON."""
        look = sniff.look(head)
        for value in look.objects[:1]:
            if isinstance(value.get("chunkedPrompt"), dict):
                return Evidence(97, "an object with `chunkedPrompt`")
            if isinstance(value.get("runSettings"), dict):
                return Evidence(80, "an object with `runSettings`")
        start = encoding.decoded_head(head).lstrip()
        if start.startswith(b"{") and (b'"chunkedPrompt"' in start or b'"runSettings"' in start):
            return Evidence(75, "broken JSON with `runSettings` or `chunkedPrompt`")
        return None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The one session of the file, which is written anew at each change."""
        title = _SUFFIX.sub("", re.split(r"[/\\:]", source.name)[-1])
        growing = Growing(None, "1", {"title": title})
        with source.open() as raw:
            stream, _ = encoding.as_utf8(raw)
            with stream:
                data = stream.read(MAX_WHOLE + 1)
        try:
            members = _streamed(source) if len(data) > MAX_WHOLE else _members(_repaired(data))
            del data
            for member in members:
                if isinstance(member, Rejected):
                    yield member
                    continue
                for message in _messages(*member, growing.metadata, options.tz):
                    yield from growing.add(message)
        except JsonError as error:
            yield Rejected(source.name, 1, str(error))
        yield from growing.deliver()
        if not growing.parts:
            yield Rejected(source.name, 1, "no `chunkedPrompt` in which something was said")


def _streamed(source: Source) -> Iterator[tuple[str, Any] | Rejected]:
    """The members of a file that is too large to be held, of its chunks each: pictures may lie in it as text."""
    for element in elements_of(source, frozenset({_CHUNKS})):
        yield element if isinstance(element, Rejected) else (element.key or "", element.value)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    yield from an_object(value).items()
    for chunk in a_list(an_object(an_object(value).get("chunkedPrompt")).get("chunks")):
        yield _CHUNKS, chunk


def _messages(key: str, value: Any, metadata: dict[str, Any], tz: tzinfo) -> Iterator[Message]:
    """What a member of the file, or one of its chunks, says."""
    if key == "systemInstruction":
        yield from _instruction(value)
    elif key == "runSettings" and (model := a_text(an_object(value).get("model"))):
        metadata["model"] = model.removeprefix("models/")
    elif key == _CHUNKS:
        yield from _said(an_object(value), tz)


def _repaired(data: bytes) -> Any:
    """The value of ``data``, in whose strings line breaks and the like may stand as they are. Raises JsonError."""
    try:
        return loads(data)
    except JsonError:
        escaped = _STRING.sub(lambda text: _RAW_CONTROL.sub(lambda raw: b"\\u%04x" % raw[0][0], text[0]), data)
        return loads(escaped)


def _instruction(value: Any) -> Iterator[Message]:
    instruction = an_object(value)
    text = a_text(instruction.get("text")) or said_in(instruction.get("parts") or "")
    if text:
        yield Message("system", text)


def _said(chunk: dict[str, Any], tz: tzinfo) -> Iterator[Message]:
    role = chunk.get("role")
    if not isinstance(role, str) or role not in _ROLES or chunk.get("isThought") is True:
        return
    when = stamp(chunk.get("createTime"), tz)
    text = a_text(chunk.get("text")) or said_in(chunk.get("parts") or "")
    attached = [shown for key, shown in _ATTACHED.items() if key in chunk]
    if text or attached:
        yield Message(_ROLES[role], "\n".join([*([text] if text else []), *attached]), when)
    if code := an_object(chunk.get("executableCode")):
        yield Message("tool", done("code", {"language": code.get("language"), "code": code.get("code")}), when)
    for call in (an_object(each).get("functionCall") for each in a_list(chunk.get("parts"))):
        if name := a_text(an_object(call).get("name")):
            yield Message("tool", done(name, an_object(call).get("args")), when)


READER = AiStudioReader()
