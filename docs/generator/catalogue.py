"""What the catalogue holds, and every source it stands on."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator

from docs.generator.markdown import code, page, summary, table
from galerne.catalog import Catalog, Row, Source, Table, default_catalog

QUALITIES = {
    "measured": "we or the source measured it",
    "published": "the maker or an authority states it",
    "derived": "computed from published or measured figures; the source says how",
    "estimated": "our estimate, with a wide range, until something better is found",
}


def tables() -> Iterator[tuple[str, Table[Row], str]]:
    """Name, rows and purpose of every table."""
    catalog = default_catalog()
    for name, value in vars(Catalog).items():
        if isinstance(value, functools.cached_property) and name != "sources":
            yield name, getattr(catalog, name), summary(value.func)


def catalogue_page() -> str:
    """``catalogue.md``."""
    sources = default_catalog().sources
    listed = list(tables())
    totals = Counter(source.quality for source in sources.values())
    return page(
        "The catalogue",
        "Every physical or economic figure that Galerne uses is a row with a source; a number without one "
        "does not load. `galerne catalog list` and `galerne catalog show ID` look rows up. How to add your "
        "own: [ADR 0003](../adr/0003-sourced-catalogue.md).",
        "## Tables",
        table(
            ("Table", "", "Rows", *(f"Sources {quality}" for quality in QUALITIES)),
            [(code(name), purpose, len(rows.rows), *_by_quality(rows)) for name, rows, purpose in listed],
        ),
        "## Sources",
        f"{len(sources)} sources: "
        + ", ".join(f"{totals[quality]} {quality}" for quality in QUALITIES)
        + ".",
        table(("Quality", "Meaning"), QUALITIES.items()),
        table(("Key", "Title", "Publisher", "Date", "Quality"), map(_source, _sorted(sources.values()))),
    )


def _by_quality(rows: Table[Row]) -> list[int]:
    sources = default_catalog().sources
    keys = {key for row in rows.rows.values() for key in row.sources.values()}
    counts = Counter(sources[key].quality for key in keys)
    return [counts[quality] for quality in QUALITIES]


def _sorted(sources: Iterable[Source]) -> list[Source]:
    return sorted(sources, key=lambda source: source.key)


def _source(source: Source) -> tuple[str, ...]:
    title = f"[{source.title}]({source.url})" if source.url.startswith("http") else source.title
    return code(source.key), title, source.publisher, source.date, source.quality
