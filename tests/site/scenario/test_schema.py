import tomllib
from pathlib import Path

import jsonschema
import pytest

from galerne.site import scenario_schema
from tests.site.factories import ESSONNE, changed

EXAMPLES = sorted(
    path
    for path in (Path(__file__).parents[3] / "examples").glob("*.toml")
    if "[site]" in path.read_text(encoding="utf-8")
)


def check(text):
    jsonschema.validate(tomllib.loads(text), scenario_schema())


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(scenario_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_as_the_schema_says(path):
    scenario = tomllib.loads(path.read_text(encoding="utf-8"))
    assert [*jsonschema.Draft202012Validator(scenario_schema()).iter_errors(scenario)] == []


@pytest.mark.parametrize(
    "text",
    [
        changed(contracted_w="-1"),
        changed(contracted_w='"44 MW"'),
        changed(peak_hour="24"),
        changed(discount_ratio="{ best = 0.1 }"),
        ESSONNE.replace("contracted_w =", "contracted_mw ="),
        ESSONNE.replace("seed = 2026", ""),
    ],
)
def test_what_the_reader_refuses_the_schema_refuses(text):
    with pytest.raises(jsonschema.ValidationError):
        check(text)


def test_every_key_says_what_it_means():
    site = scenario_schema()["properties"]["site"]["properties"]
    assert "reserve" in site["reserve_ratio"]["description"] or site["reserve_ratio"]["description"]
    assert site["contracted_w"]["minimum"] == 1e3
