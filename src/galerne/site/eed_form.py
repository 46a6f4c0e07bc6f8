"""The operator's file with what is still missing, to be filled in once."""

from __future__ import annotations

from collections.abc import Iterator

from galerne.language import Language
from galerne.site.eed import UNITS, EedReport
from galerne.site.wording import wording_in


def form_template(report: EedReport, *, language: Language) -> str:
    """A file of ``report-eed --form`` that asks for what the report could not derive; every line a comment.

    Args:
        report: what is missing.
        language: of its comments.
    """
    return "\n".join(_lines(report, language)) + "\n"


def _lines(report: EedReport, language: Language) -> Iterator[str]:
    say = wording_in(language).phrases
    asked = [key.partition(".") for key in report.to_fill]
    yield f"# {say['form_head'].format(year=report.year)}"
    if report.value("CDD") is None:
        yield f'# place = ""    # {say["form_place"]}'
    yield from ("", "[identity]")
    for section, _, key in asked:
        if section == "identity":
            yield f'# {key} = ""    # {say[f"eed_{key}"]}'
    yield from ("", "[declared]")
    for section, _, key in asked:
        if section == "declared":
            yield f"# {key} = 0.0    # {say[f'eed_{key}']}, {UNITS[key]}"
    for section, _, key in asked:
        if section == "meters":
            yield from ("", "# [[meters]]", '# id = ""', f'# quantity = "{key}"    # {say[f"eed_{key}"]}')
            yield f'# place = ""    # {say["form_meter_place"]}'
            yield from ('# accuracy_class = ""', '# calibrated = ""')
