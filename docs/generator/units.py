"""The glossary: how a name tells its unit."""

from __future__ import annotations

from docs.generator.markdown import code, page, table
from docs.generator.records import public_fields
from galerne.units import REFUSED_SUFFIXES, SUFFIXES

N_EXAMPLES = 3


def unit_of(name: str) -> str:
    """What the ending of a name says; empty where it says nothing."""
    lower = "_" + name.lower()
    endings = [suffix for suffix in SUFFIXES if lower.endswith(suffix)]
    return SUFFIXES[max(endings, key=len)] if endings else ""


def glossary() -> str:
    """``glossary.md``."""
    fields = sorted(set(public_fields()))
    rows = []
    for suffix, meaning in SUFFIXES.items():
        examples = [name for name in fields if unit_of(name) == meaning][:N_EXAMPLES]
        rows.append((code(suffix), meaning, ", ".join(map(code, examples))))
    refused = ", ".join(code(suffix) for suffix in sorted(REFUSED_SUFFIXES))
    return page(
        "Glossary of units",
        "Numbers in Galerne are in SI base units, and their names say so. A test reads the same table and "
        "refuses a field or a parameter that hides its unit. Why: "
        "[ADR 0002](../adr/0002-units-in-names.md).",
        table(("Ending", "Unit", "Examples from the records"), rows),
        "## Endings that are refused",
        "Lower-cased, they read two ways (`mw`: milliwatts or megawatts?) or hide a prefix. They appear in "
        "catalogue files, in reports for people, and on the wire where a protocol says so; never in code.",
        refused + ".",
        "## Words of the boundary",
        "Where energy is counted is in the name too; see [ADR 0004](../adr/0004-energy-by-boundary.md).",
        table(
            ("Name", "Counted"),
            (
                (code("accelerator_j"), "at the accelerators alone"),
                (code("host_j"), "at processors, memory and board"),
                (code("it_j"), "at the machine's plug: accelerators, host and what the server adds"),
                (code("facility_j"), "at the site's meter: IT energy times PUE"),
            ),
        ),
        "## How a number was had",
        table(
            ("Label", "Meaning"),
            (
                ("measured", "a counter or a sensor was read"),
                ("derived", "computed from measured or published figures, without a model of behaviour"),
                ("modelled", "a model stands where nothing can be read; the interval is wide"),
                ("published", "a figure of the catalogue, with its source"),
            ),
        ),
    )
