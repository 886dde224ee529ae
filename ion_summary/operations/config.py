"""How does a settings file begin that somebody is to fill in?"""

from __future__ import annotations

import os
from dataclasses import Field
from pathlib import Path
from typing import Any

from ion_summary.config import Settings, kind_of
from ion_summary.errors import ConfigurationError


def template() -> str:
    """A settings file that names every setting with its default, all of it commented out."""
    lines = ["# Settings of ion-summary. Remove the # before a line to change its value.", ""]
    for each in Settings.declared():
        shown = each.metadata["shown"]
        lines.append(f"# {each.metadata['help']}" + (f" Default: {shown}." if shown else ""))
        if each.metadata["choices"]:
            lines.append(f"# One of: {', '.join(each.metadata['choices'])}.")
        lines.append(f"# {each.name} = {_toml(each)}")
        lines.append("")
    return "\n".join(lines)


def write_template(path: Path) -> None:
    """Writes ``template()`` to the new file ``path``, readable by its owner only.

    Raises ConfigurationError if there is something at ``path`` already or it cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError as error:
        raise ConfigurationError(origin=path, reason="is there already and is left as it is") from error
    except OSError as error:
        raise ConfigurationError(origin=path, reason=f"cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(template())


def _toml(each: Field[Any]) -> str:
    if each.default in (None, Path()):
        if each.metadata["url"]:
            return '"https://…"'
        return "3" if kind_of(each) in ("int", "float") else '"…"'
    return str(each.default).lower() if isinstance(each.default, bool) else repr(each.default).replace("'", '"')
