"""How does a value stand in a cell of a table that a spreadsheet may open?"""

from __future__ import annotations

import re
from typing import Any

from ion_summary.text.clean import clean

_FORMULA = re.compile(r"[=+@\t\r]|-(?! )")


def csv_cell(value: Any) -> Any:
    """``value`` such that no spreadsheet executes it; numbers stay numbers."""
    if isinstance(value, int | float):
        return value
    raw = "" if value is None else str(value)
    text = clean(raw)
    return "'" + text if _FORMULA.match(raw) or _FORMULA.match(text) else text
