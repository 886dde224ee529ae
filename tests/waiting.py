"""Waits for what others do, however slow the machine is."""

from __future__ import annotations

from collections.abc import Callable

from ion_summary.polling import attempts


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Returns once ``condition`` holds; fails after so many seconds, which on no machine should be too few."""
    assert any(condition() for _ in attempts(seconds)), f"not within {seconds:g} s"
