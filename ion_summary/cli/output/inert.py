"""How does stored text stay harmless in a line, a spreadsheet or JSON on a terminal?

A store may be adopted from elsewhere or edited by hand: what it holds may never have been cleaned.
"""

from __future__ import annotations

import re
from typing import Any

# What clean() would remove, and JSON does not escape by itself: DEL, C1, directional marks, isolates, BOM, tags.
_ACTING_IN_JSON = re.compile(
    "[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def plain_cell(value: Any) -> str:
    """``value`` in one line: what would end the cell or the line is shown as ``\\t`` and ``\\n``."""
    return _clean(_text(value)).replace("\t", "\\t").replace("\n", "\\n")


def json_text(value: Any, *, indent: bool = False, ascii_only: bool = False) -> str:
    """``value`` as JSON of which no character acts on a terminal; what it says is unchanged."""
    import orjson

    if not ascii_only:
        try:
            text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0).decode()
            return _ACTING_IN_JSON.sub(_escape, text)
        except orjson.JSONEncodeError:
            pass  # a file name that is no UTF-8, an integer beyond 64 bits: the slower way knows what to do
    import json

    return json.dumps(value, ensure_ascii=True, allow_nan=False, indent=2 if indent else None)


def one_line(text: str) -> str:
    """``text`` in one line, for notes and errors."""
    from ion_summary.text import clean

    return clean.one_line(text)


def _clean(text: str) -> str:
    # Imported here: its patterns take 3 ms to compile, and JSON needs none of them.
    from ion_summary.text import clean

    return clean.clean(text)


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _text(value: Any) -> str:
    return "" if value is None else str(value)
