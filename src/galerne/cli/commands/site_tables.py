"""Tables of ``galerne site`` for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.table import Table

from galerne.cli.screen import plain_table
from galerne.language import Language, phrases
from galerne.site import (
    Configuration,
    ConfigurationSearch,
    PlaceProfile,
    SiteComparison,
    SitePlan,
    name_input,
    summarise_plan,
)
from galerne.site.shown.ranked_words import word_comparison, word_lead
from galerne.site.shown.worded import names_in, word_ends, word_growth
from galerne.site.shown.wording import wording_in
from galerne.units import HOUR_S

SWINGS_SHOWN = 8


def deciding_sources(plan: SitePlan) -> tuple[str, ...]:
    """Keys of the sources that decide a figure, in the order in which figures first need them."""
    return tuple(dict.fromkeys(key for figure in plan.figures.values() for key in figure.deciding))


def figures_table(plan: SitePlan, sources: Sequence[str], *, language: Language) -> Table:
    """Every figure of a plan; its deciding sources by their place in ``sources``."""
    words = phrases("galerne.cli", language)
    table = plain_table(
        *(words[name] for name in ("figure", "value", "range", "method", "site_source", "published")),
        title=words["site_title"].format(name=plan.scenario.site.name),
        secondary=(5, 3, 4, 2),
    )
    for column in (3, 4):
        table.columns[column].justify = "left"
    for section, lines in groupby(summarise_plan(plan, language=language), key=lambda line: line.section):
        table.add_section()
        table.add_row(section, style="bold")
        for line in lines:
            numbers = ",".join(f"{sources.index(key) + 1}" for key in line.deciding)
            table.add_row(
                f"  {line.name}", line.value, line.span, line.method, f"[{numbers}]", line.published
            )
    return table


def swing_table(plan: SitePlan, *, language: Language) -> Table:
    """What matters most to a million written tokens."""
    wording = wording_in(language)
    say = wording.phrases
    table = plain_table(
        say["column_input"],
        say["column_between"],
        say["column_eur"],
        say["column_grams"],
        title=say["chapter_tornado"],
    )
    for swing in plan.tornado[:SWINGS_SHOWN]:
        table.add_row(
            name_input(swing.name, wording, names_in(plan)),
            wording.between(swing.low, swing.high, swing.unit, best=swing.best),
            word_ends(swing.low_eur, swing.high_eur, "EUR", wording),
            word_ends(swing.low_co2_g, swing.high_co2_g, "g", wording),
        )
    return table


def comparison_table(comparison: SiteComparison, *, language: Language) -> Table:
    """Places in order, each with what makes it differ from the first."""
    told = word_comparison(comparison, language=language)
    columns, names = told["columns"], told["objectives"]
    first, others = comparison.objectives[0], comparison.objectives[1:]
    with_phases = bool(comparison.scenario.phases)
    table = plain_table(
        columns["rank"],
        columns["place"],
        names[first].split(" ")[0],
        columns["beyond"],
        columns["because"],
        *(names[name].split(" ")[0] for name in others),
        *([columns["front"]] if others else []),
        columns["lead"],
        *([columns["horizon"]] if with_phases else []),
        title=told["title"],
    )
    for column in (1, 4):
        table.columns[column].justify = "left"
        table.columns[column].no_wrap = False
    for place, words in zip(comparison.places, told["places"], strict=True):
        table.add_row(
            str(place.rank),
            words["name"],
            words["figures"][first]["value"],
            words["beyond"],
            words["because"],
            *(words["figures"][name]["value"] for name in others),
            *(["•" if place.on_front else ""] if others else []),
            words["lead"],
            *([words["served"]] if with_phases else []),
            style="bold" if place.rank == 1 else "",
        )
    return table


def growth_table(plan: SitePlan, *, language: Language) -> Table:
    """What each year of the horizon needs, and what of it is served."""
    growth = word_growth(plan, wording_in(language))
    table = plain_table(*growth["columns"], title=growth["title"])
    for row in growth["rows"]:
        table.add_row(*row)
    return table


def comparison_lines(comparison: SiteComparison, *, language: Language) -> Iterator[str]:
    """What to know beside the table: ties, basis, front, and where the ranking turns."""
    told = word_comparison(comparison, language=language)
    yield from told["notes"]
    if len(comparison.places) > 1:
        yield told["flips_title"]
    yield from (f"  {flip}" for flip in told["flips"])
    yield from told["left_out"]


def place_table(profile: PlaceProfile, *, language: Language) -> Table:
    """A place: climate, free cooling, grid, building."""
    words, wording = phrases("galerne.cli", language), wording_in(language)
    table = plain_table(
        "", "", title=words["place_title"].format(name=profile.place.name, zone=profile.zone.name)
    )
    table.show_header = False

    def degrees(*values_c: float) -> str:
        return ", ".join(f"{wording.number(round(value, 1))} °C" for value in values_c)

    def hours(time_s: float) -> str:
        return words["hours_a_year"].format(hours=wording.number(round(time_s / HOUR_S), digits=4))

    zone = profile.zone
    table.add_row(words["place_climate"], degrees(profile.mean_dry_bulb_c, profile.mean_wet_bulb_c))
    table.add_row(words["place_design"], degrees(profile.design_dry_bulb_c, profile.design_wet_bulb_c))
    months = " ".join(wording.number(round(value)) for value in profile.monthly_dry_bulb_c)
    table.add_row(words["place_months"], f"{months} °C")
    for supply_c, time_s in profile.free_cooling_s.items():
        table.add_row(words["place_free"].format(supply=f"{supply_c:g}"), hours(time_s))
    table.add_row(words["place_air"], hours(profile.direct_air_s))
    table.add_row(words["place_carbon"], wording.quantity(zone.g_per_kwh, "g/kWh"))
    if profile.direct_g_per_kwh is not None:
        table.add_row(words["place_direct"], wording.quantity(profile.direct_g_per_kwh, "g/kWh"))
    table.add_row(words["place_water"], wording.quantity(zone.l_per_kwh, "L/kWh"))
    price = zone.eur_per_kwh
    table.add_row(
        words["place_price"], words["unknown"] if price is None else wording.quantity(price, "EUR/kWh")
    )
    table.add_row(words["place_lead"], word_lead(profile.lead_years, wording))
    table.add_row(words["place_build"], f"{wording.number(profile.build_usd_per_w)} $/W")
    return table


def configurations_table(search: ConfigurationSearch, *, language: Language) -> Table:
    """The best by each wish, then the front."""
    words, wording = phrases("galerne.cli", language), wording_in(language)
    compute = search.scenario.compute
    columns = ("layout", "sequences", "tokens", "interval", "first", "cost", "energy")
    title = words["configs_title"].format(model=compute.model, n=search.n_accelerators, system=compute.system)
    table = plain_table("", *(words[f"configs_{name}"] for name in columns), title=title)
    table.columns[1].justify = "left"

    def add(name: str, point: Configuration, style: str) -> None:
        degrees = f"TP{point.tensor_parallel} PP{point.pipeline_parallel} DP{point.data_parallel}"
        table.add_row(
            name,
            f"{point.n_replicas} × {degrees}",
            wording.number(point.n_sequences),
            wording.quantity(point.output_tokens_per_s, "tok/s"),
            wording.quantity(point.token_interval_s, "s"),
            wording.quantity(point.first_token_s, "s"),
            wording.quantity(point.output_eur, "EUR"),
            wording.quantity(point.j_per_token, "J"),
            style=style,
        )

    for wish, point in search.best.items():
        add(words[f"configs_best_{wish}"], point, "bold")
    table.add_section()
    for point in search.front:
        add("", point, "")
    return table
