"""Every failure: its code, what it reads as over HTTP and in a shell, and the advice it gives."""

from __future__ import annotations

import dataclasses
import inspect
import textwrap

from docs.generator.markdown import code, fence, page, plain, summary, table
from galerne import errors
from galerne.api.problems import PROBLEMS, Problem
from galerne.cli.failures import exit_code_of
from galerne.errors import GalerneError, leaves


def failures_page() -> str:
    """``errors.md``."""
    return page(
        "Errors",
        "Everything that can go wrong outside Galerne's own code is one tree. A leaf has a stable code, "
        "typed facts and one sentence of advice; no text of a prompt ever enters it. Why: "
        "[ADR 0006](../adr/0006-one-tree-of-errors.md).",
        fence(_tree()),
        "## Codes",
        "`code` is what OpenAI's clients find in `error.code`; our own is always in `galerne_code`. A second "
        "status is Mistral's, where its clients expect another. `again` means that the same request may "
        "succeed later: the answer then carries `retry-after`, and always `x-should-retry`.",
        table(("Failure", "`galerne_code`", "`code`", "HTTP", "Again", "Exit code"), map(_row, leaves())),
        "Two failures choose their status by their facts: what an engine refused because of the request "
        "(`engine_refused` with a 4xx) is 400, and `unknown_route` is 405 where the path answers other "
        "methods. What the API refused a command (`answer_refused`) leaves it with 4 where trying again may "
        "help (429, 503), 2 for any other 4xx, else 1. A mistake of Galerne's own is `internal_error`, 500, "
        "with an id to find it in the log.",
        "## Facts and advice",
        *(_leaf(leaf) for leaf in leaves()),
    )


def _tree() -> str:
    text = inspect.getdoc(errors) or ""
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    return textwrap.dedent("\n".join(lines))


def _row(leaf: type[GalerneError]) -> tuple[str, ...]:
    problem = PROBLEMS[leaf.code]
    return (
        f"[{leaf.__name__}](#{leaf.__name__.lower()})",
        code(leaf.code),
        code(problem.code or leaf.code),
        _status(problem),
        "yes" if problem.retry else "",
        _exit_code(leaf),
    )


def _exit_code(leaf: type[GalerneError]) -> str:
    """The exit code of a class; one that needs the facts of the failure cannot be told without any."""
    try:
        return str(exit_code_of(leaf.__new__(leaf)))
    except AttributeError:
        return "by status"


def _status(problem: Problem) -> str:
    if problem.mistral_status is None:
        return str(problem.status)
    return f"{problem.status} / {problem.mistral_status}"


def _leaf(leaf: type[GalerneError]) -> str:
    facts = ", ".join(f"`{field.name}: {field.type}`" for field in dataclasses.fields(leaf))
    return f"### {leaf.__name__}\n\n{summary(leaf)} {plain(leaf.advice)}\n\nFacts: {facts}."
