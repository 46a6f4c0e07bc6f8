"""Runs the examples of a page and writes what they print below them.

An example is a fenced ``pycon`` block. All blocks of a page share one namespace, in order.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def with_results(text: str) -> str:
    """The page with the results of its examples as they are now; they run in the project's folder."""
    namespace: dict[str, Any] = {}
    with contextlib.chdir(ROOT):
        return BLOCK.sub(lambda block: f"```pycon\n{_run(block[1], namespace)}```", text)


def _run(block: str, namespace: dict[str, Any]) -> str:
    lines = []
    for statement in _statements(block):
        lines += [f"{'...' if number else '>>>'} {line}".rstrip() for number, line in enumerate(statement)]
        lines += _results("\n".join(statement), namespace)
    return "\n".join(lines) + "\n"


def _statements(block: str) -> list[list[str]]:
    """The statements of a block, each as its lines without prompts; old results are dropped."""
    statements: list[list[str]] = []
    for line in block.splitlines():
        if line.startswith(">>>"):
            statements.append([line[4:]])
        elif line.startswith("...") and statements:
            statements[-1].append(line[4:])
    return statements


def _results(source: str, namespace: dict[str, Any]) -> list[str]:
    printed = io.StringIO()
    mode = "single" if isinstance(ast.parse(source).body[-1], ast.Expr) else "exec"
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "<example>", mode), namespace)  # noqa: S102  # our own pages, on purpose
    return printed.getvalue().splitlines()
