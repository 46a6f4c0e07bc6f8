"""No number without a source: every ``Sources:`` key exists, and every packaged row loads."""

import re

import pytest

import galerne
from galerne.catalog import default_catalog
from tests.architecture.test_names import MODULES, PACKAGE

KEYS = re.compile(r"^\s*Sources: (.+?)(?:\.|$)", re.MULTILINE)


def cited_keys() -> list[tuple[str, str]]:
    found = []
    for path in MODULES:
        for line in KEYS.findall(path.read_text(encoding="utf-8")):
            words = re.split(r"[,;] ?| and ", line)
            found += [
                (str(path.relative_to(PACKAGE)), word) for word in words if re.fullmatch(r"[a-z0-9.-]+", word)
            ]
    return found


@pytest.mark.parametrize(("path", "key"), cited_keys())
def test_a_cited_source_is_in_the_catalogue(path, key):
    assert key in default_catalog().sources, f"{path} cites {key}"


TABLES = [
    name
    for name, value in vars(galerne.catalog.Catalog).items()
    if not name.startswith("_") and hasattr(value, "func") and name != "sources"
]


@pytest.mark.parametrize("table", TABLES)
def test_every_packaged_table_loads_and_is_not_empty(table):
    assert getattr(default_catalog(), table).rows
