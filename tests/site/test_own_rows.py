import functools
import shutil
from pathlib import Path

import pytest

from galerne.catalog import Catalog, packaged_text
from galerne.errors import InvalidFact, InvalidScenario
from galerne.site import hours_to_csv, plan_site, read_hourly, read_scenario
from galerne.site.scenario.records import Series

OWN = Path(__file__).parents[2] / "examples" / "own"
ALL = Series(weather="hours.csv", prices="hours.csv", carbon="hours.csv", standard_offset=1.0)


@functools.cache
def hours():
    return hours_to_csv(Catalog(OWN), "stockholm", year=2025)


@pytest.fixture
def folder(tmp_path):
    """The example as a user would copy it."""
    copied = tmp_path / "own"
    shutil.copytree(OWN, copied)
    (copied / "hours.csv").write_text(hours(), encoding="utf-8")
    return copied


def plan(folder, text=None):
    scenario = read_scenario(text or (folder / "site.toml").read_text(encoding="utf-8"))
    return plan_site(
        scenario, catalog=Catalog(folder), hourly=read_hourly(scenario.series, folder=folder), quick=True
    )


def edit(path, before, after):
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def test_everything_of_ones_own_is_planned_and_named(folder):
    text = (folder / "site.toml").read_text(encoding="utf-8").replace("n_samples = 200", "n_samples = 50")
    made = plan(folder, text)
    keys = {"my-quotation", "my-datasheet", "my-plug", "my-contract", "my-operator"}
    assert keys <= set(made.sources)
    assert made.figures["electricity_eur_per_kwh"].value == pytest.approx(0.0627 + 0.004 + 0.021, abs=1e-4)
    assert made.growth[-1].served_ratio > made.growth[2].served_ratio


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        (
            "facts.toml",
            'sources = { default = "my-contract" }',
            "",
            "a number without a source does not load",
        ),
        ("facts.toml", '"my-contract"', '"hearsay"', "'hearsay' is not in sources.toml"),
        ("systems.toml", "best = 180e3", "best = 300e3", "systems.toml#my-node.price_usd"),
        ("systems.toml", "host_idle_w", "host_idel_w", "systems.toml#my-node"),
        ("accelerators.toml", "memory_bytes = 137_438_953_472\n", "", "missing key memory_bytes"),
        ("sources.toml", 'quality = "measured"', 'quality = "sure"', "quality must be one of"),
    ],
)
def test_a_row_that_is_not_beyond_doubt_is_refused_by_file_and_row(folder, file, before, after, said):
    edit(folder / file, before, after)
    with pytest.raises(InvalidFact) as caught:
        plan(folder)
    assert f"user {file}" in str(caught.value)
    assert said in str(caught.value)


def test_a_file_with_nearly_the_name_of_a_table_is_refused(folder):
    (folder / "systems.toml").rename(folder / "system.toml")
    with pytest.raises(InvalidFact, match=r"system\.toml: no table has this name; systems\.toml does"):
        plan(folder)


def test_a_file_that_is_not_text_is_refused(folder):
    (folder / "facts.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidFact, match=r"user facts\.toml"):
        plan(folder)


@pytest.mark.parametrize(
    ("row", "change", "said"),
    [
        (100, lambda line: line.replace(",0.0627,", ",62.7,"), "call the column eur_per_mwh"),
        (200, lambda line: line.replace(",0.0627,", ",,"), "eur_per_kwh is not a number"),
        (300, lambda line: line.replace(line.split(",")[1], "290.1", 1), "kelvin?"),
        (400, lambda _: None, "1 hours are missing before"),
        (1 + 24 * 88 + 2, lambda _: None, "looks like summer time"),
    ],
)
def test_a_row_of_hours_that_cannot_be_is_named(folder, row, change, said):
    lines = hours().splitlines()
    changed = change(lines[row - 1])
    lines[row - 1 : row] = [] if changed is None else [changed]
    (folder / "hours.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(InvalidScenario) as caught:
        read_hourly(ALL, folder=folder)
    assert caught.value.path == f"hours.csv:{row}"
    assert said in caught.value.problem


def test_hours_of_a_zone_without_a_price_have_no_column_of_prices(tmp_path):
    rows = packaged_text("places.csv").splitlines()
    (tmp_path / "places.csv").write_text(
        "\n".join(
            [rows[0], next(line for line in rows if line.startswith("santiago,")).replace(",CL,", ",AR,")]
        )
    )
    catalog = Catalog(tmp_path)
    assert catalog.places["santiago"].zone_id == "AR"
    head = hours_to_csv(catalog, "santiago", year=2024).splitlines()[0]
    assert head == "at,dry_bulb_c,wet_bulb_c,g_per_kwh"


def test_hours_of_a_leap_year_leave_its_day_out():
    lines = hours_to_csv(Catalog(), "essonne", year=2024).splitlines()
    assert len(lines) == 1 + 8760
    assert not any(line.startswith("2024-02-29") for line in lines)
    assert lines[-1].startswith("2024-12-31T23:00")
