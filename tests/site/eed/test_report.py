import csv
import io
import itertools
import json
import re
from pathlib import Path

import pytest

from galerne.catalog import default_catalog
from galerne.errors import InvalidScenario
from galerne.language import Language
from galerne.site import (
    eed_to_csv,
    eed_to_json,
    form_template,
    make_report,
    metered_from_ledger,
    metered_from_plan,
    read_form,
    read_metered,
    render_eed,
)
from galerne.site.eed.indicators import IDENTITY, RATIOS, UNITS
from galerne.site.eed.metered import Metered
from galerne.site.eed.sources import degree_days
from galerne.site.scenario.history import History, MeteredStretch, year_limits
from tests.site.factories import plan_of
from tests.site.shown.test_report import Page

FORM = (Path(__file__).parents[3] / "examples" / "operator.toml").read_text(encoding="utf-8")
CATALOG = default_catalog()
HEADER = "from,to,e_dc_kwh,e_it_kwh,w_in_m3,e_reuse_kwh"


def months(row="{n}000,{n}00,10,50"):
    starts = [f"2026-{month:02}-01" for month in range(1, 13)] + ["2027-01-01"]
    return [f"{a},{b},{row.format(n=n)}" for n, (a, b) in enumerate(itertools.pairwise(starts), 1)]


def metered(folder, rows=None, header=HEADER, year=2026):
    path = folder / "meters.csv"
    path.write_text(
        "\n".join([header, *(months("1200,1000,10,60") if rows is None else rows)]), encoding="utf-8"
    )
    return read_metered(path, year=year)


def report(folder, form=FORM, **changes):
    return make_report(metered(folder, **changes), read_form(form), grid_g_per_kwh=40.0, catalog=CATALOG)


def test_the_ratios_are_those_of_the_regulation(tmp_path):
    made = report(tmp_path)
    assert made.value("PUE") == pytest.approx(1.2)
    assert made.value("WUE") == pytest.approx(10 / 1.0)
    assert made.value("ERF") == pytest.approx(60 / 1200)
    assert made.value("REF") == pytest.approx(400000 / (12 * 1200))
    assert made.value("CUE") == pytest.approx(40 * 1.2)
    assert made.value("CER") is None


def test_what_is_measured_stays_measured_and_what_follows_is_derived(tmp_path):
    method = {row.symbol: row.method for row in report(tmp_path).indicators}
    assert method["E_DC"] == "measured"
    assert method["PUE"] == "derived"
    assert method["S_DC"] == "declared"
    assert method["CER"] == "missing"


def test_half_a_year_is_half_complete(tmp_path):
    made = report(tmp_path, rows=months("1200,1000,10,60")[:6])
    pue = next(row for row in made.indicators if row.symbol == "PUE")
    assert pue.value == pytest.approx(1.2)
    assert pue.completeness_ratio == pytest.approx(181 / 365)


def test_what_is_missing_is_asked_for(tmp_path):
    made = report(tmp_path, form="")
    assert {f"identity.{key}" for key in IDENTITY} <= set(made.to_fill)
    assert "declared.S_DC" in made.to_fill
    assert not any(symbol.removeprefix("declared.") in RATIOS for symbol in made.to_fill)
    assert "declared.E_DC" not in made.to_fill


@pytest.mark.parametrize(
    ("rows", "header", "says"),
    [
        (["2026-01-01,2026-02-01,10,20,0,0"], HEADER, "meters.csv:2 e_it_kwh 20 is more than"),
        (["2026-01-01,2026-02-01,-1,0,0,0"], HEADER, "meters.csv:2 e_dc_kwh is -1, below 0"),
        (["2026-02-01,2026-01-01,1,1,0,0"], HEADER, "meters.csv:2 the period ends"),
        ([*months()[:2], months()[1]], HEADER, "meters.csv:4 the period begins at"),
        (["2025-01-01,2025-02-01,1,1,0,0"], HEADER, "meters.csv:2 the period is not within 2026"),
        (["soon,2025-02-01,1,1,0,0"], HEADER, "meters.csv:2 'soon' is not an instant"),
        (["2026-01-01,2026-02-01,many,1,0,0"], HEADER, "meters.csv:2 e_dc_kwh is not a number"),
        ([], "when,kwh", "meters.csv:1 needs the columns"),
    ],
)
def test_what_cannot_be_is_refused_by_row(tmp_path, rows, header, says):
    with pytest.raises(InvalidScenario) as caught:
        metered(tmp_path, rows=rows, header=header)
    assert f"{caught.value.path} {caught.value.problem}".startswith(says)


@pytest.mark.parametrize(
    ("form", "path"),
    [
        ("not toml", "form"),
        ("[places]\n", "form.places"),
        ("[identity]\nnom = 'x'\n", "identity.nom"),
        ("[identity]\nname = 3\n", "identity.name"),
        ("[declared]\nPUE = 1.1\n", "declared.PUE"),
        ("[declared]\nS_DC = 'large'\n", "declared.S_DC"),
        ("[[meters]]\nid = 'a'\nquantity = 'volts'\nplace = 'b'\n", "meters[0].quantity"),
        ("[[meters]]\nid = 'a'\nquantity = 'E_IT'\n", "meters[0]"),
    ],
)
def test_a_form_says_what_it_cannot_mean(form, path):
    with pytest.raises(InvalidScenario) as caught:
        read_form(form)
    assert caught.value.path == path


def stretch(year=2026, it_j=3.6e6, share=1.0):
    start_at, _ = year_limits(year)
    return MeteredStretch(
        started_at=start_at,
        ended_at=start_at + 8760 * 3600 * share,
        it_j=it_j,
        method="modelled",
        coverage_ratio=1.0,
    )


def test_the_ledger_gives_the_it_and_only_a_declared_pue_the_building():
    history = History(stretches=[stretch(share=0.5)])
    alone, said = (metered_from_ledger(history, year=2026, pue_ratio=pue) for pue in (None, 1.3))
    assert alone.quantities["E_IT"].value == pytest.approx(1.0)
    assert alone.quantities["E_IT"].completeness_ratio == pytest.approx(0.5)
    assert "E_DC" not in alone.quantities
    assert said.quantities["E_DC"].value == pytest.approx(1.3)
    assert said.quantities["E_DC"].method == "derived"


def test_an_empty_ledger_reports_nothing():
    made = make_report(
        metered_from_ledger(History(), year=2026, pue_ratio=None),
        read_form(""),
        grid_g_per_kwh=40.0,
        catalog=CATALOG,
    )
    assert all(row.value is None for row in made.indicators)
    assert made.completeness_ratio == 0


def test_a_simulated_year_has_the_ratios_of_its_plan():
    plan = plan_of()
    made = make_report(
        metered_from_plan(plan, year=2027, catalog=CATALOG),
        read_form(""),
        grid_g_per_kwh=plan.zone.g_per_kwh,
        catalog=CATALOG,
    )
    assert made.value("PUE") == pytest.approx(plan.figures["pue_ratio"].value)
    assert made.value("CUE") == pytest.approx(plan.figures["cue_g_per_kwh"].value)
    assert made.value("CER") == pytest.approx(plan.figures["cer_ratio"].value)
    assert {row.method for row in made.indicators if row.value is not None} == {"modelled"}


def test_the_page_stands_alone_in_both_languages(tmp_path):
    for language in Language:
        html = render_eed(report(tmp_path), language=language)
        page = Page(html)
        assert not page.loads
        assert "script" not in page.tags
        assert all(symbol in html for symbol in UNITS)
        assert "M-02" in html


def test_what_the_operator_typed_is_only_text(tmp_path):
    form = FORM.replace('"Hospital data room"', "'<script>alert(1)</script>'")
    assert "<script" not in render_eed(report(tmp_path, form=form), language=Language.ENGLISH)


def test_programs_and_spreadsheets_get_every_indicator(tmp_path):
    made = report(tmp_path)
    wire = json.loads(json.dumps(eed_to_json(made), allow_nan=False))
    lines = list(csv.DictReader(io.StringIO(eed_to_csv(made))))
    assert [row["symbol"] for row in wire["indicators"]] == [row["symbol"] for row in lines] == list(UNITS)


@pytest.mark.parametrize(
    ("pue", "letter", "to_next"),
    [
        (1.1, "A", None),
        (1.2, "B", 0.05),
        (1.3, "C", 0.05),
        (1.45, "D", 0.1),
        (1.7, "E–F", 0.2),
        (2.0, "G", 0.1),
    ],
)
def test_the_label_tells_its_class_and_the_way_to_the_next(tmp_path, pue, letter, to_next):
    made = report(tmp_path, rows=months(f"{1000 * pue:g},1000,10,60"))
    label = {row.symbol: row for row in made.label}
    assert label["PUE"].letter == letter
    assert label["PUE"].to_next == (None if to_next is None else pytest.approx(to_next))
    assert label["WUE"].letter == "G"


def test_fresh_water_counts_on_the_label_where_it_is_metered_apart(tmp_path):
    header, rows = f"{HEADER},w_in_fre_m3", months("1200,1000,10,60,0.05")
    label = {row.symbol: row for row in report(tmp_path, rows=rows, header=header).label}
    assert (label["WUE"].letter, label["WUE"].note) == ("A", "W_IN_FRE / E_IT")


def test_cooling_degree_days_follow_the_place():
    days = {place: degree_days(CATALOG, place).value for place in ("stockholm", "essonne", "singapore")}
    assert days["stockholm"] < days["essonne"] < 100 < 365 * 4 < days["singapore"] < 365 * 9
    made = make_report(
        metered_from_plan(plan_of(), year=2026, catalog=CATALOG),
        read_form(""),
        grid_g_per_kwh=None,
        catalog=CATALOG,
    )
    assert made.value("CDD") == days["essonne"]
    assert (
        make_report(
            Metered(year=2026, basis="metered", quantities={}),
            read_form('place = "singapore"'),
            grid_g_per_kwh=None,
            catalog=CATALOG,
        ).value("CDD")
        == days["singapore"]
    )


def test_what_is_missing_is_asked_for_once_in_a_file(tmp_path):
    made = report(tmp_path, form="")
    for language in Language:
        form = form_template(made, language=language)
        assert read_form(form) == read_form("")  # all of it a comment until somebody knows
    asked = form.replace("# ", "", 1)
    for symbol in ("S_CR", "E_COOL", "T_WH"):
        assert f"# {symbol} = 0.0" in asked
    filled = re.sub(r"^# ([A-Z_]+) = 0\.0", r"\1 = 12.0", form, flags=re.MULTILINE)
    filled = re.sub(r'^# (\w+) = ""', r'\1 = "x"', filled.split("# [[meters]]")[0], flags=re.MULTILINE)
    again = report(tmp_path, form=filled.replace('place = "x"', 'place = "essonne"'))
    assert [key for key in again.to_fill if not key.startswith("meters.")] == []


def test_a_measured_quantity_without_a_registered_meter_is_asked_for(tmp_path):
    made = report(tmp_path)  # the form registers meters of E_DC and E_IT
    assert "meters.W_IN" in made.to_fill
    assert "meters.E_DC" not in made.to_fill
    assert 'quantity = "W_IN"' in form_template(made, language=Language.ENGLISH)
