"""How is a prompt of Google AI Studio read, as it lies in Google Drive: one JSON file with ``chunkedPrompt``?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from ion_summary.model import Message, Session
from ion_summary.transcripts import encoding, sniff
from ion_summary.transcripts.chat_messages import done
from ion_summary.transcripts.gemini_parts import said_in
from ion_summary.transcripts.json_value import JsonError, a_list, a_text, an_object, loads
from ion_summary.transcripts.lines import MAX_LINE
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.stamps import stamp

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
        with source.open() as raw:
            stream, _ = encoding.as_utf8(raw)
            with stream:
                data = stream.read(MAX_LINE + 1)
        if len(data) > MAX_LINE:
            yield Rejected(source.name, 1, f"one JSON object larger than {MAX_LINE >> 20} MiB")
            return
        try:
            value = _repaired(data)
        except JsonError as error:
            yield Rejected(source.name, 1, str(error))
            return
        prompt = value.get("chunkedPrompt") if isinstance(value, dict) else None
        if not isinstance(prompt, dict) or not isinstance(prompt.get("chunks"), list):
            yield Rejected(source.name, 1, "no `chunkedPrompt` with `chunks`")
            return
        model = a_text(an_object(value.get("runSettings")).get("model"))
        metadata = {"title": _SUFFIX.sub("", re.split(r"[/\\:]", source.name)[-1])}
        if model:
            metadata["model"] = model.removeprefix("models/")
        messages = [*_instruction(value.get("systemInstruction")), *_chunks(prompt["chunks"], options.tz)]
        yield Session(None, None, messages, metadata, "1") if messages else Rejected(source.name, 1, "nothing was said")


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


def _chunks(chunks: list[Any], tz: tzinfo) -> Iterator[Message]:
    for chunk in map(an_object, chunks):
        role = chunk.get("role")
        if not isinstance(role, str) or role not in _ROLES or chunk.get("isThought") is True:
            continue
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
