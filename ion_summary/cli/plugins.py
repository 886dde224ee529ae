"""What is said about a plugin that does not work? A line on standard error; the command goes on without it."""

from __future__ import annotations

from ion_summary.cli.output import warn


def warn_of_plugins() -> None:
    """Names what was wrong with plugins, if any was needed."""
    from ion_summary.transcripts.plugins import problems

    for problem in problems():
        warn(f"warning: {problem}")
