"""The command line, where everything is wired together. Front door: ``main``."""

from __future__ import annotations

_YOUNG_OBJECTS = 50_000
"""New objects after which the youngest are looked through; Python's 700 cost a start a tenth of its time."""


def main() -> None:
    """Run a command; failures become one sentence, advice and an exit code."""
    import gc

    from galerne.cli.failures import run_reporting_failures

    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)
    run_reporting_failures()


__all__ = ["main"]
