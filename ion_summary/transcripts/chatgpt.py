"""How is a ChatGPT data export read: conversations that are trees, of which the branch last shown is what was said?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from ion_summary.model import Message, Session
from ion_summary.transcripts import encoding, json_stream, sniff
from ion_summary.transcripts.chat_messages import done, kind_of
from ion_summary.transcripts.json_value import a_text, an_object
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.stamps import stamp

_FILE = re.compile(r"conversations(?:-\d+)?\.json$")
_SPOKEN = ("user", "assistant")
_NOT_SAID = frozenset(
    "thoughts reasoning_recap execution_output system_error model_editable_context"
    " tether_quote tether_browsing_display sonic_webpage".split()
)
"""Content of messages that nobody wrote to anybody: thinking, output of tools, pages that were looked at."""
_TO_EVERYBODY = (None, "", "all")
_PLACEHOLDERS = {
    "image_asset_pointer": "[image]",
    "video_container_asset_pointer": "[video]",
    "audio_asset_pointer": "",  # what was said stands beside it as audio_transcription
    "real_time_user_audio_video_asset_pointer": "",
}


class ChatGptReader:
    """``conversations.json``, its shards ``conversations-000.json``, and ``{"conversations": […]}``."""

    name = "chatgpt"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:
        """Objects with a ``mapping`` of nodes."""
        look = sniff.look(head)
        objects = look.objects
        for value in objects[:1]:
            if isinstance(value.get("conversations"), list):
                objects = [each for each in value["conversations"] if isinstance(each, dict)]
        mapped = [value for value in objects if "mapping" in value]
        if any("current_node" in value or "conversation_id" in value for value in mapped):
            return Evidence(98, "conversations with `mapping` and `current_node` or `conversation_id`")
        if any(_nodes(value["mapping"]) for value in mapped):
            return Evidence(95, "conversations with a `mapping` of nodes with parent and children")
        if _FILE.search(name) and look.kind == "json":
            return Evidence(30, "named like a ChatGPT export, but without a conversation's `mapping`")
        return Evidence(20, "objects with `mapping`") if mapped else None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The conversations in the order of the file. It is written anew by each export, so there is no Resume."""
        with source.open() as raw:
            stream, _ = encoding.as_utf8(raw)
            ordinal = 0
            for element in json_stream.elements(stream, frozenset({"conversations"})):
                if element.problem:
                    ordinal += 1
                    yield Rejected(source.name, element.line, element.problem)
                elif element.key in (None, "conversations"):
                    ordinal += 1
                    try:
                        session = _session(element.value, str(ordinal), options.tz)
                    except ValueError as error:
                        yield Rejected(source.name, element.line, str(error))
                        continue
                    if session:
                        yield session


def _session(conversation: Any, place: str, tz: tzinfo) -> Session | None:
    """One conversation; None for one that was opened and left without a word. Raises ValueError if it is none."""
    if not isinstance(conversation, dict):
        raise ValueError(f"{kind_of(conversation)} where a conversation should be")
    mapping = conversation.get("mapping")
    if not isinstance(mapping, dict):
        raise ValueError("a conversation without `mapping`")
    messages: list[Message] = []
    model = a_text(conversation.get("default_model_slug")) or a_text(conversation.get("model_slug"))
    for node in branch(mapping, conversation.get("current_node")):
        if said := _said(node, tz):
            messages.append(said)
            model = a_text(an_object(node.get("metadata")).get("model_slug")) or model
    if not messages:
        authors = (an_object(an_object(node).get("message")).get("author") for node in mapping.values())
        if any(an_object(author).get("role") in _SPOKEN for author in authors):
            raise ValueError("a conversation without text")
        return None
    metadata = {"title": a_text(conversation.get("title")), "model": model}
    session_id = a_text(conversation.get("conversation_id")) or a_text(conversation.get("id"))
    _time_of_whole(messages, conversation, tz)
    return Session(session_id, None, messages, {key: value for key, value in metadata.items() if value}, place)


def branch(mapping: dict[str, Any], current: Any) -> list[dict[str, Any]]:
    """The messages from the root to ``current``; to the newest leaf if that is missing. A cycle of parents ends it."""
    node_id = current if isinstance(current, str) and current in mapping else _newest_leaf(mapping)
    seen: set[str] = set()
    messages = []
    while isinstance(node_id, str) and node_id not in seen and isinstance(node := mapping.get(node_id), dict):
        seen.add(node_id)
        if isinstance(message := node.get("message"), dict):
            messages.append(message)
        node_id = node.get("parent")
    return messages[::-1]


def _newest_leaf(mapping: dict[str, Any]) -> str | None:
    """Of the nodes that are nobody's parent, the one whose message is the newest, of equals the last in the file."""
    nodes = {key: node for key, node in mapping.items() if isinstance(node, dict)}
    parents = {node.get("parent") for node in nodes.values() if isinstance(node.get("parent"), str)}
    leaves = [key for key in nodes if key not in parents] or list(nodes)
    return max(reversed(leaves), key=lambda key: _time(an_object(nodes[key].get("message"))), default=None)


def _said(message: dict[str, Any], tz: tzinfo) -> Message | None:
    """What the message says to people, or which tool it calls; None if it is hidden, a tool's or the system's."""
    role = an_object(message.get("author")).get("role")
    metadata = an_object(message.get("metadata"))
    content = an_object(message.get("content"))
    if metadata.get("is_visually_hidden_from_conversation") or content.get("content_type") in _NOT_SAID:
        return None
    if role == "system" and not metadata.get("is_user_system_message"):
        return None
    if role not in (*_SPOKEN, "system"):
        return None
    when = stamp(message.get("create_time"), tz)
    recipient = message.get("recipient")
    if role == "assistant" and recipient not in _TO_EVERYBODY:
        told = "\n".join(_parts(content)).strip()
        return Message("tool", done(recipient, told or None), when) if isinstance(recipient, str) else None
    text = "\n".join(part for part in (*_parts(content), *_attached(metadata)) if part.strip())
    return Message(role, text, when) if text else None


def _parts(content: dict[str, Any]) -> Iterator[str]:
    """The texts of a message: ``parts`` are texts mixed with objects; some kinds of content have ``text`` instead."""
    parts = content.get("parts")
    for part in parts if isinstance(parts, list) else [content]:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            kind = part.get("content_type")
            if isinstance(part.get("text"), str):
                yield part["text"]
            elif isinstance(kind, str):
                yield _PLACEHOLDERS.get(kind, "")
    for key in ("user_profile", "user_instructions"):  # a message of the system that the user wrote
        if isinstance(content.get(key), str):
            yield content[key]


def _attached(metadata: dict[str, Any]) -> Iterator[str]:
    attachments = metadata.get("attachments")
    for attachment in attachments if isinstance(attachments, list) else []:
        if name := a_text(an_object(attachment).get("name")):
            yield f"[{name}]"


def _time_of_whole(messages: list[Message], conversation: dict[str, Any], tz: tzinfo) -> None:
    """A conversation whose messages have no times ended when it was last updated."""
    when = stamp(conversation.get("update_time") or conversation.get("create_time"), tz)
    if messages and when and not any(message.timestamp for message in messages):
        last = messages[-1]
        messages[-1] = Message(last.role, last.content, when, last.name)


def _time(message: dict[str, Any]) -> float:
    time = message.get("create_time")
    return time if isinstance(time, int | float) else -1.0


def _nodes(mapping: Any) -> bool:
    return isinstance(mapping, dict) and any(isinstance(node, dict) and "parent" in node for node in mapping.values())


READER = ChatGptReader()
