import tomllib

import pytest

from tests.architecture.test_names import PACKAGE

TABLES = sorted(PACKAGE.rglob("phrases.toml"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_french_and_english_say_the_same_things(path):
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    assert set(tables) == {"en", "fr"}
    assert set(tables["en"]) == set(tables["fr"])
    assert all(text.strip() for table in tables.values() for text in table.values())
