"""``python -m ion_summary`` and the entry point ``ion-summary``."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Runs the process's command line and ends the process with its exit status."""
    # The cold start is mostly imports, and a good part of that the garbage collector's search among modules that
    # stay anyway: once while they load (a command switches it on again), three times over when the interpreter ends.
    gc.disable()
    try:
        from ion_summary.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
