"""What is the point of a block of code in a message: its commands, its error, or what it defines?"""

from __future__ import annotations

import re
from collections.abc import Iterator

_FENCE = re.compile(
    r"^[ \t]*(?:```|~~~)[ \t]*([\w+#.-]*)[^\n`]*\n"
    r"(.*?)(?:^[ \t]*(?:```|~~~)[ \t]*$|\Z)",
    re.M | re.S,
)
_CODE_NOISE = re.compile(
    r"^\s*(?:#(?!!)|//|/\*|\*|import |from \S+ import|use |using |#include|package |[{}()\[\];,]*\s*$|\.\.\.)"
)
_SHELL = frozenset("sh bash shell zsh console powershell ps1 cmd bat terminal".split())
_ERROR_LINE = re.compile(r"(?:\b\w*(?:Error|Exception|Fatal|FATAL|ERROR|FAILED|panic)\b|오류|에러).{0,200}")
_SIGNATURE = re.compile(
    r"\s*(?:async )?(?:def|class|function|func|fn|public|private|SELECT|CREATE|UPDATE|INSERT|DELETE|ALTER)\b", re.I
)
_LONGEST_CODE = 90
_MOST_CODE_LINES = 4


def split_code(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of ``text`` as ``(text, is code)``; of every fenced block only the lines that are its point."""
    end = 0
    for fence in _FENCE.finditer(text):
        yield text[end : fence.start()], False
        for line in _point_of_code(fence.group(1).lower(), fence.group(2)):
            yield line, True
        end = fence.end()
    yield text[end:], False


def _point_of_code(kind: str, block: str) -> Iterator[str]:
    """The lines of a code block that say what it is for: its commands, the error, or its first signature."""
    lines = [line.strip() for line in block.split("\n") if not _CODE_NOISE.match(line)]
    commands = [line.removeprefix("$ ") for line in lines if kind in _SHELL or line.startswith("$ ")]
    errors = [found.group() for line in lines if (found := _ERROR_LINE.search(line))]
    signatures = [line for line in lines if _SIGNATURE.match(line)]
    for line in (errors[-2:] or commands or signatures[:1] or lines[:1])[:_MOST_CODE_LINES]:
        yield f"`{line[:_LONGEST_CODE].rstrip()}`"
