"""What has the command line said so far? Read by the commands, and by whatever has to report an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ion_summary.cli.output import Output


class Given:
    """The ``obj`` of the root context. ``values`` are settings by name, ``json`` says how errors are to be printed."""

    def __init__(self, *, debug: bool, json: bool) -> None:
        self.values: dict[str, Any] = {}
        self.config: str | None = None
        self.debug = debug
        self.json = json
        self.out: Output | None = None

    def close(self) -> None:
        """Takes away what is still drawn on the terminal, such as a progress bar."""
        if self.out is not None:
            self.out.close()
