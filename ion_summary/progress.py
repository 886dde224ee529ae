"""How does an operation report how far it is, without knowing who listens?"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What an operation tells its caller while it works."""

    def start(self, title: str, total: int | None, unit: str) -> None:
        """A phase begins; ``total`` counts ``unit`` (``bytes``, ``records``, ``files``), None if unknown."""

    def advance(self, amount: int) -> None:
        """So much more of the phase is done."""

    def remark(self, text: str) -> None:
        """How the phase goes, in a few words that replace the last ones."""

    def finish(self) -> None:
        """The phase has ended."""


class Silent:
    """The progress nobody looks at."""

    def start(self, title: str, total: int | None, unit: str) -> None:
        """Say nothing."""

    def advance(self, amount: int) -> None:
        """Say nothing."""

    def remark(self, text: str) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""
