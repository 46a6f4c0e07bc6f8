"""The worked cases that come with Galerne: scenarios to start from, by name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from galerne.catalog import Catalog
from galerne.errors import InvalidScenario
from galerne.site.scenario.records import Scenario


def examples_folder() -> Path:
    """Where the cases are: beside this file in an installed package, at the root of the sources otherwise."""
    packaged = Path(str(resources.files("galerne.site"))) / "examples"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "examples"


@functools.cache
def worked_cases() -> Mapping[str, str]:
    """The text of each case, by name."""
    files = sorted(examples_folder().glob("*.toml"))
    texts = {file.stem: file.read_text(encoding="utf-8") for file in files}
    return {name: text for name, text in texts.items() if "\n[site]" in text}


def find_scenario(name_or_path: Path) -> Path:
    """The file of a scenario: the path itself, or a worked case of that name.

    Raises:
        InvalidScenario: there is neither.
    """
    if name_or_path.is_file():
        return name_or_path
    if str(name_or_path) in worked_cases():
        return examples_folder() / f"{name_or_path}.toml"
    known = ", ".join(worked_cases())
    raise InvalidScenario(path=str(name_or_path), problem=f"no such file, nor a worked case: {known}")


def catalog_for(scenario: Scenario, catalog: Catalog) -> Catalog:
    """The catalogue, or that of the worked cases where only it knows what the scenario runs."""
    compute = scenario.compute
    cases = _catalog_of_cases()

    def knows(one: Catalog) -> bool:
        return compute.system in one.systems.rows and compute.model in one.models.rows

    return cases if not knows(catalog) and knows(cases) else catalog


@functools.cache
def _catalog_of_cases() -> Catalog:
    return Catalog(examples_folder() / "catalog")
