from pathlib import Path

import pytest

from galerne.catalog import default_catalog
from galerne.errors import InvalidScenario
from galerne.site import read_scenario
from galerne.site.worked import catalog_for, find_scenario, worked_cases


def test_a_case_is_found_by_its_name_and_a_file_by_its_path(tmp_path):
    own = tmp_path / "mine.toml"
    own.write_text("x = 1")
    assert find_scenario(own) == own
    assert find_scenario(Path("essonne")).read_text(encoding="utf-8") == worked_cases()["essonne"]


def test_what_is_neither_names_the_cases():
    with pytest.raises(InvalidScenario, match="hospital"):
        find_scenario(Path("atlantis"))


def test_a_case_with_rows_of_its_own_brings_its_catalogue():
    own = read_scenario(worked_cases()["deepseek-day"])
    assert own.compute.system in catalog_for(own, default_catalog()).systems.rows
    common = read_scenario(worked_cases()["essonne"])
    assert catalog_for(common, default_catalog()) is default_catalog()
