"""Writes docs/how-to/worked-cases.md: each example planned, beside what is published, and what lies between.

python -m recipes.worked_cases            write the page
"""

from __future__ import annotations

import dataclasses
import itertools
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from galerne.catalog import Catalog, default_catalog
from galerne.language import Language
from galerne.site import Scenario, SitePlan, compare_sites, plan_site, read_scenario
from galerne.site.scenario.parts import find_parts
from galerne.site.shown.wording import wording_in
from galerne.site.validate import published_cases, validate

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PAGE = ROOT / "docs" / "how-to" / "worked-cases.md"
WORDING = wording_in(Language.ENGLISH)
FREE_LINK = "link_bytes_per_s = 1e15"
SHOWN = (
    "n_accelerators",
    "contracted_w",
    "pue_ratio",
    "load_ratio",
    "accelerator_output_tokens_per_s",
    "input_eur",
    "output_eur",
    "output_co2_g",
    "output_water_l",
)
FIVE = ("essonne", "stockholm", "frankfurt", "london", "ashburn")

INTRODUCTION = (
    "Each case is a commented file in `examples/`, planned from sourced inputs and set beside what was",
    "published. Nothing published enters a computation, and no deviation is tuned away: what lies",
    "between is taken apart below each table, as far as it can be. Ranges are the 5th to 95th",
    "percentile. This page is written by `python -m recipes.worked_cases`.",
)

CASES: Mapping[str, str] = {
    "essonne": "44 MW near Paris: the case that Galerne starts from.",
    "deepseek-day": "A day of production that was published: how many nodes would we have planned?",
    "hospital": "Two racks of air-cooled nodes in a room of their own, heat given to the building next door.",
    "university": "Two nodes for courses and research.",
    "le-chat": "A million people who ask eight times a day, growing by half each year for three years.",
}


def load(name: str) -> tuple[Scenario, Catalog]:
    """An example and the catalogue that it needs."""
    text = (EXAMPLES / f"{name}.toml").read_text(encoding="utf-8")
    own = EXAMPLES / "catalog" if name == "deepseek-day" else None
    return read_scenario(text), Catalog(own)


def page() -> str:
    """The whole page."""
    lines = [
        "# Worked cases",
        "",
        *_filled(INTRODUCTION),
        "",
    ]
    for name, text in CASES.items():
        scenario, catalog = load(name)
        plan = plan_site(scenario, catalog=catalog)
        lines += [f"## {scenario.site.name}", "", text, "", *_command(name), "", *_figures(plan), ""]
        lines += [*_beside(plan), "", *_filled(BETWEEN[name](plan, scenario, catalog)), ""]
    return "\n".join(lines).rstrip() + "\n"


def _filled(lines: Iterable[str]) -> Iterator[str]:
    """Paragraphs filled to the width of the page; tables as they are."""
    for is_table, group in itertools.groupby(lines, key=lambda line: line.startswith("|") or not line):
        whole = list(group)
        yield from whole if is_table else textwrap.wrap(" ".join(whole), 118, break_long_words=False)


def _command(name: str) -> Iterator[str]:
    own = "GALERNE_CATALOG=examples/catalog " if name == "deepseek-day" else ""
    yield "```console"
    yield f"$ {own}galerne site plan examples/{name}.toml --report {name}.html"
    yield "```"


def _figures(plan: SitePlan) -> Iterator[str]:
    yield "| Figure | Ours | Range |"
    yield "|---|---|---|"
    for name in SHOWN:
        figure = plan.figures[name]
        named = WORDING.phrases[f"figure_{name}"]
        yield f"| {named} | {WORDING.value(figure)} | {WORDING.span(figure)} |"


def _beside(plan: SitePlan) -> Iterator[str]:
    yield "| Beside what is published | Published | Ours | Ours over published | Source |"
    yield "|---|---|---|---|---|"
    for row in plan.comparisons:
        figure = plan.figures[row.figure]
        named = WORDING.phrases[f"figure_{row.figure}"]
        published = WORDING.quantity(row.reported, figure.unit)
        ratio = WORDING.number(row.ratio, digits=2)
        yield f"| {named} | {published} | {WORDING.value(figure)} | × {ratio} | `{row.source}` |"


def _essonne(plan: SitePlan, scenario: Scenario, _catalog: Catalog) -> Iterator[str]:
    """The stair from the chip to the connection, and what is left of the published figure."""
    n = plan.figures["n_accelerators"].value
    stair = {
        "the chip at its limit": plan.accelerator.power_limit_w,
        "hosts and switches of the rack": plan.system.host_busy_w / plan.system.n_accelerators,
    }
    stair["network and storage"] = plan.figures["rated_it_w"].value / n - sum(stair.values())
    stair["power chain and cooling, worst hour"] = plan.figures["peak_facility_w"].value / n - sum(
        stair.values()
    )
    stair["reserve and rounding"] = plan.figures["contracted_w_per_accelerator"].value - sum(stair.values())
    published = next(r.reported for r in plan.comparisons if r.figure == "contracted_w_per_accelerator")
    left = published - sum(stair.values())
    parts = ", ".join(f"{name} {WORDING.number(w)} W" for name, w in stair.items())
    yield f"Per accelerator: {parts}. Of the {WORDING.number(published)} W published,"
    yield f"{WORDING.number(left)} W are"
    yield f"left ({WORDING.percent(left / published)}): room to grow, other halls on the same"
    yield "connection, or racks"
    yield "fed beyond what was found; nothing public tells which. The PUE beside ours is a"
    yield "neighbour's, cooled by evaporation."
    yield ""
    yield from _essonne_tokens(plan, scenario)


def _essonne_tokens(plan: SitePlan, scenario: Scenario) -> Iterator[str]:
    """From our tokens to those of the benchmark, one change after another, and what they do to the euros."""
    catalog = Catalog(EXAMPLES / "catalog")
    patient = dataclasses.replace(
        scenario,
        objective=dataclasses.replace(scenario.objective, first_token_s=2.0, token_interval_s=0.080),
    )
    other = dataclasses.replace(
        patient, compute=dataclasses.replace(patient.compute, model="deepseek-v3", weight_format="nvfp4")
    )
    ours, later, model = (
        find_parts(changed, catalog).capacity.output_tokens_per_s / plan.system.n_accelerators
        for changed in (scenario, patient, other)
    )
    reported = {row.figure: row.reported for row in plan.comparisons}
    published = reported["accelerator_output_tokens_per_s"]
    load_ratio = plan.figures["load_ratio"].value
    full_eur = plan.figures["output_eur"].value * load_ratio
    yield f"Tokens: ours {WORDING.number(ours)} a second and accelerator. The benchmark waits 2 s for the"
    yield f"first and 80 ms between tokens: {WORDING.number(later)}. Its model, DeepSeek R1 in NVFP4, with"
    yield f"our lengths of prompts and answers: {WORDING.number(model)}. What is left to"
    yield f"{WORDING.number(published)} (× {WORDING.number(published / model, digits=2)}) is drafted tokens,"
    yield "prompts and answers on accelerators of their own, and months of tuning. Euros: at"
    yield f"{WORDING.percent(load_ratio)} of load a million cost"
    yield f"€{WORDING.number(plan.figures['output_eur'].value, digits=3)}; at full load"
    yield f"€{WORDING.number(full_eur, digits=3)}; with the published tokens"
    yield f"€{WORDING.number(full_eur * ours / published, digits=3)}, less than the vendor's"
    yield f"€{WORDING.number(reported['output_eur'], digits=2)}, which pays for an hour of rent."


def _deepseek(plan: SitePlan, scenario: Scenario, _catalog: Catalog) -> Iterator[str]:
    """The same plan with a network that costs nothing: what the exchange of experts makes."""
    published = 1814.0
    ours = plan.figures["n_accelerators"].value
    packaged = default_catalog()
    case = next(case for case in published_cases(packaged) if case.id == "deepseek-day-nodes")
    laid_out = validate(packaged, [case])[0].ours
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(EXAMPLES / "catalog", folder, dirs_exist_ok=True)
        rows = Path(folder) / "accelerators.toml"
        text = rows.read_text(encoding="utf-8").replace("link_bytes_per_s = 100e9", FREE_LINK)
        rows.write_text(text, encoding="utf-8")
        free = plan_site(scenario, catalog=Catalog(Path(folder))).figures["n_accelerators"].value
    yield f"In nodes of eight: {WORDING.number(published / 8)} published, {WORDING.number(ours / 8)}"
    yield "ours. The exchange of"
    yield f"tokens among experts over the network makes × {WORDING.number(ours / free, digits=2)} of"
    yield "it: with a network that costs"
    yield f"nothing, {WORDING.number(free / 8)} nodes would do. A plan puts prompts and answers on"
    yield "the same nodes, spreads experts over 32 devices and adds up computing and exchanging;"
    yield "DeepSeek did none of this."
    yield "With the layout that was published (prompts on units of 4 nodes, answers on 18, two"
    yield "micro-batches in turns, one"
    yield "byte out and two back, at most four nodes for a token) the same formula gives"
    yield f"{WORDING.number(laid_out)} nodes, the figure of `galerne validate`:"
    yield f"× {WORDING.number(ours / 8 / laid_out, digits=2)} between the two is the layout,"
    yield f"× {WORDING.number(8 * laid_out / published, digits=2)} is left for kernels written for"
    yield "this model and drafted tokens; the coefficients are those of common engines."


def _hospital(plan: SitePlan, _scenario: Scenario, _catalog: Catalog) -> Iterator[str]:
    erf, load = (WORDING.percent(plan.figures[name].value) for name in ("erf_ratio", "load_ratio"))
    yield "The survey's mean is of rooms of every age. Ours is a new plant with free cooling in"
    yield "winter; losses of a"
    yield "doubled power chain at low load, and fans of the room, are counted. At"
    yield f"{load} of full load"
    yield "each token is dear: systems are paid whether they work or not. The heat contract takes"
    yield f"{erf} of all energy."


def _university(plan: SitePlan, scenario: Scenario, catalog: Catalog) -> Iterator[str]:
    load = plan.figures["load_ratio"].value
    busy = dataclasses.replace(scenario.workload, load_ratio=1.0, peak_ratio=1.0, weekend_ratio=1.0)
    always = plan_site(dataclasses.replace(scenario, workload=busy), catalog=catalog)
    full = always.figures["output_eur"].value
    yield "The price list sells at the load of all its customers; this room works at"
    yield f"{WORDING.percent(load)}. At full load the"
    yield f"same two nodes would write for {WORDING.quantity(full, 'EUR')} a million: use is"
    yield "what decides between owning and renting. The list's price also pays for staff, research"
    yield "and margin."


def _le_chat(plan: SitePlan, scenario: Scenario, catalog: Catalog) -> Iterator[str]:
    """The older model on the older machine; five places; the growth."""
    older = dataclasses.replace(
        scenario,
        compute=dataclasses.replace(
            scenario.compute, system="dgx-h100", model="mistral-large-2411", weight_format="fp8"
        ),
        reported=(),
    )
    ours = plan.figures["output_co2_g"].value
    then = plan_site(older, catalog=catalog).figures["output_co2_g"].value
    yield "Mistral's life-cycle figure is of an older, dense model. That model on H100 nodes would"
    yield f"emit {WORDING.quantity(then, 'g')}"
    yield f"here instead of {WORDING.quantity(ours, 'g')}: × {WORDING.number(then / ours, digits=2)}."
    yield f"What is left, × {WORDING.number(2850 / then, digits=2)}, holds training (the"
    yield "study counts it, we do not), and grids, machines and their use, which are not public. The"
    yield "price list pays for"
    yield "more than machines."
    yield ""
    years = ", ".join(f"{WORDING.number(y.n_systems)} in year {y.year}" for y in plan.growth)
    yield f"Racks, one of them to spare: {years}."
    yield ""
    comparison = compare_sites(scenario, catalog=catalog, places=FIVE, objectives=("cost", "carbon"))
    yield "| Rank by cost | Place | Euros per million written tokens | Range | CO₂e | Front |"
    yield "|---|---|---|---|---|---|"
    for place in comparison.places:
        eur, grams = place.figures["output_eur"], place.figures["output_co2_g"]
        span = WORDING.between(eur.low, eur.high, "EUR", best=eur.value)
        yield (
            f"| {place.rank} | {place.name} | {WORDING.quantity(eur.value, 'EUR')} | {span} |"
            f" {WORDING.quantity(grams.value, 'g')} | {'yes' if place.on_front else ''} |"
        )
    yield ""
    yield "Places of one rank are equal: their paired difference spans zero or is below half a"
    yield "percent. All five are"
    yield "taken at their zone's published industrial price, so that the French contract of the plan"
    yield "does not favour"
    yield "one of them. `galerne site compare examples/le-chat.toml` says what makes each difference."


BETWEEN = {
    "essonne": _essonne,
    "deepseek-day": _deepseek,
    "hospital": _hospital,
    "university": _university,
    "le-chat": _le_chat,
}


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
