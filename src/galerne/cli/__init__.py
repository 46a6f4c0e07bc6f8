"""The command line, where everything is wired together. Front door: ``main``."""

from __future__ import annotations


def main() -> None:
    """Run a command; failures become one sentence, advice and an exit code."""
    from galerne.cli.failures import run_reporting_failures

    run_reporting_failures()


__all__ = ["main"]
