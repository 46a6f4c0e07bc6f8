"""Writes the reference from the code, and the results of the examples in the methods.

python -m docs.generate            write what differs
python -m docs.generate --check    write nothing; name what is stale and leave with 1
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from docs.generator.catalogue import catalogue_page
from docs.generator.commands import commands_page
from docs.generator.examples import with_results
from docs.generator.failures import failures_page
from docs.generator.layers import layers_page
from docs.generator.receipt import receipt_page
from docs.generator.records import records_page
from docs.generator.routes import routes_page
from docs.generator.settings import settings_page
from docs.generator.units import glossary

DOCS = Path(__file__).parent

REFERENCE: Mapping[str, Callable[[], str]] = {
    "api.md": routes_page,
    "catalogue.md": catalogue_page,
    "cli.md": commands_page,
    "errors.md": failures_page,
    "glossary.md": glossary,
    "layers.md": layers_page,
    "receipt.md": receipt_page,
    "records.md": records_page,
    "settings.md": settings_page,
}
"""Writer of each page of the reference."""


def pages() -> Iterator[tuple[Path, str]]:
    """Every generated page as it ought to be, by its path below ``docs``."""
    for name, write in REFERENCE.items():
        yield Path("reference", name), write()
    for path in sorted(DOCS.glob("methods/*.md")):
        try:
            yield path.relative_to(DOCS), with_results(path.read_text(encoding="utf-8"))
        except Exception as error:
            error.add_note(f"in an example of docs/{path.relative_to(DOCS).as_posix()}")
            raise


def stale_pages() -> list[tuple[Path, str]]:
    """The pages that are not as they ought to be, with what they ought to say."""
    return [(path, text) for path, text in pages() if _committed(DOCS / path) != text]


def main(arguments: list[str] | None = None) -> int:
    """Write the stale pages, or only name them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is stale")
    check = parser.parse_args(arguments).check
    stale = stale_pages()
    for path, text in stale:
        if check:
            sys.stderr.write(f"docs/{path.as_posix()} is stale: run `make docs`\n")
            continue
        (DOCS / path).parent.mkdir(exist_ok=True)
        (DOCS / path).write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote docs/{path.as_posix()}\n")
    return 1 if check and stale else 0


def _committed(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
