"""Who speaks, and how is that shown in a few characters?"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ion_summary.text.graphemes import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Speaker = tuple[str, str]  # side and name
USER, ASSISTANT, SYSTEM, TOOL = "U", "A", "S", "T"
_SIDES = {
    **dict.fromkeys("user customer client human patient 고객 사용자 손님 나 질문자 환자".split(), USER),
    **dict.fromkeys(
        "assistant agent ai bot model chatbot advisor doctor 상담원 상담사 어시스턴트 도우미 비서 챗봇 의사".split(),
        ASSISTANT,
    ),
    **dict.fromkeys("system developer 시스템".split(), SYSTEM),
    **dict.fromkeys("tool function".split(), TOOL),
}
_LONGEST_NAME = 8
_LONGEST_LABEL = 24  # of a full name, where the short one is taken
_PARTS = r"[\s_.]+"
_NOT_A_LABEL = r"[\s:：]+"


def read(message: Any) -> tuple[str, str, str]:
    """``(side, name, text)`` of a ``Message`` or a mapping.

    The side is one of U A S T, or "" for one person among others in a room.
    """
    role: Any
    name: Any
    content: Any
    if isinstance(message, dict) or not hasattr(message, "content"):
        role, content = message.get("role"), message.get("content")
        name = message.get("name") or message.get("speaker")
    else:  # a Message, told without importing it: data classes cost half of this import
        role, name, content = message.role, message.name, message.content
    side = _SIDES.get(str(role).lower(), "") if role else ""
    name = str(name) if name else ""
    if not side:
        name = name or str(role or "")
        side = _SIDES.get(name.lower(), "" if name else USER)
    if isinstance(content, str):
        return side, name, content
    return side, name, "" if content is None else str(content)


def is_person(name: str) -> bool:
    """Whether it is the name of somebody, not of a side."""
    return bool(name) and name.lower() not in _SIDES


def short_name(name: str) -> str:
    """``name`` as a bullet shows it: whole if short, else initials (``Project Manager`` is PM, ``Person1`` is P1)."""
    name = re.sub(_NOT_A_LABEL, " ", name).strip()
    words = [word for word in re.split(_PARTS, name) if word]
    if not words or (len(name) <= _LONGEST_NAME and not (name[0].isascii() and name[-1].isdigit())):
        return name or "?"
    if len(words) == 1 and not (name[0].isascii() and name[-1].isdigit()):
        return name[: whole(name, _LONGEST_NAME)] or name[:1]
    return "".join(word[0] + re.sub(r"\D", "", word[1:]) for word in words).upper()


def labels(voices: Iterable[Speaker]) -> dict[Speaker, str]:
    """How each speaker is shown. Who talks to an assistant is U; people among themselves have names, no two alike."""
    voices = list(voices)
    sides = [side for side, _ in voices]
    among_people = sides.count(USER) > 1 or ASSISTANT not in sides
    shown: dict[Speaker, str] = {}
    for speaker in voices:
        side, name = speaker
        label = side
        if not side or (among_people and side == USER and name and name.lower() not in _SIDES):
            label = short_name(name)
            if label in shown.values():
                label = re.sub(_NOT_A_LABEL, " ", name).strip() or "?"
                label = label[: whole(label, _LONGEST_LABEL)]
        shown[speaker] = label
    return shown
