"""Units are in names: every record field and every parameter of a public function."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import galerne
from galerne.units import REFUSED_SUFFIXES, SUFFIXES

PACKAGE = Path(galerne.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
QUANTITIES = {
    "energy", "power", "duration", "latency", "temperature", "carbon", "emissions", "cost", "price",
    "bandwidth", "memory", "size", "water",
}  # fmt: skip
"""A float named by a bare quantity hides its unit."""
NAMES_OF_A_PROTOCOL = {"temperature", "default_temperature", "vocab_size"}
"""Sampling temperature has no unit, and params.json says vocab_size."""

MOST_LINES = 480


def float_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and is_number(node.annotation)
        ):
            yield node.lineno, node.target.id
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            yield from ((a.lineno, a.arg) for a in arguments if a.annotation and is_number(a.annotation))


def is_number(annotation: ast.expr) -> bool:
    return any(name in ast.unparse(annotation).split(" | ") for name in ("float", "Numeric", "int"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_numbers_say_their_unit(path):
    refused = []
    for line, name in float_names(ast.parse(path.read_text(encoding="utf-8"))):
        lower = "_" + name.lower().lstrip("_")
        says_unit = any(lower.endswith(suffix) for suffix in SUFFIXES)
        if not says_unit and any(lower.endswith(suffix) for suffix in REFUSED_SUFFIXES):
            refused.append(f"{path.name}:{line} {name}: this unit reads two ways or hides a prefix")
        last_word = lower.rsplit("_", 1)[-1]
        if last_word in QUANTITIES and not says_unit and lower[1:] not in NAMES_OF_A_PROTOCOL:
            refused.append(f"{path.name}:{line} {name}: which unit?")
    assert not refused, "\n".join(refused)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_one_room(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_no_file_is_a_drawer():
    drawers = {"utils", "util", "common", "helpers", "helper", "misc"}
    assert not [path for path in MODULES if path.stem in drawers or path.parent.name in drawers]
