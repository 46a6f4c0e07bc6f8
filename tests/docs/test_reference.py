import re
import tomllib
from pathlib import Path

import pytest
from docs.generator import commands, examples, receipt, routes
from docs.generator.records import parts

import galerne.api.routes
from docs import generate
from galerne.api.wire.receipt import sourced_receipt_body
from galerne.catalog import default_catalog
from galerne.cli import settings
from galerne.errors import leaves
from galerne.units import REFUSED_SUFFIXES, SUFFIXES
from tests.api import fakes

ROOT = Path(generate.__file__).parents[1]


def reference(name: str) -> str:
    return (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pages():
    """Every page as the code says it: a second's work, for all who look at it."""
    return dict(generate.pages())


def test_what_is_committed_is_what_the_code_says(pages, monkeypatch):
    monkeypatch.setattr(generate, "pages", pages.items)
    stale = [f"docs/{path.as_posix()}" for path, _ in generate.stale_pages()]
    assert not stale, f"run `make docs`: {', '.join(stale)}"


def test_check_names_the_stale_page_and_writing_mends_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    monkeypatch.setattr(generate, "REFERENCE", {"settings.md": generate.REFERENCE["settings.md"]})
    assert generate.main(["--check"]) == 1
    assert "docs/reference/settings.md is stale" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / "reference" / "settings.md").write_text("edited by hand", encoding="utf-8")
    assert generate.main(["--check"]) == 1


def test_two_runs_say_the_same(pages):
    assert dict(generate.pages()) == pages


@pytest.mark.parametrize(("name", "command"), list(commands.commands()), ids=lambda value: str(value)[:40])
def test_every_command_and_option_is_documented(name, command):
    section = re.split(r"^## ", reference("cli.md"), flags=re.MULTILINE)
    mine = next(part for part in section if part.startswith(f"`{name}`"))
    assert not [option for option in commands.option_names(command) if f"`{option}`" not in mine]
    assert command.help


def test_every_variable_that_is_read_is_a_documented_setting():
    source = Path(settings.__file__).read_text(encoding="utf-8")
    read = set(re.findall(r"GALERNE_[A-Z_]+", source))
    assert read == set(settings.SETTINGS)
    assert all(f"`{name}`" in reference("settings.md") for name in read)


@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: leaf.__name__)
def test_every_failure_is_documented_with_its_advice(leaf):
    text = reference("errors.md")
    assert f"`{leaf.code}`" in text
    assert f"### {leaf.__name__}\n" in text
    assert leaf.advice in text


def test_every_route_is_documented():
    sources = sorted(Path(galerne.api.routes.__file__).parent.glob("*.py"))
    written = {
        (method.upper(), re.sub(r":\w+\}", "}", path))
        for source in sources
        for method, path in re.findall(r'@router\.(\w+)\(\s*"([^"]+)"', source.read_text(encoding="utf-8"))
        if method != "head"
    }
    assert len(written) > 8
    assert written == {(method, path) for method, path, _ in routes.operations(routes.document())}
    assert not [each for each in written if f"## {each[0]} {each[1]}\n" not in reference("api.md")]


def test_every_object_that_is_linked_to_is_there():
    text = reference("api.md")
    linked = set(re.findall(r"\]\(#(\w+)\)", text))
    assert linked
    assert linked <= {heading.lower() for heading in re.findall(r"^### (\w+)$", text, re.MULTILINE)}


def flat(document, path="") -> set[str]:
    if not isinstance(document, dict):
        return {path.removesuffix(".")}
    return set().union(*(flat(value, f"{path}{name}.") for name, value in document.items()))


def test_every_field_of_a_real_receipt_is_documented():
    body = sourced_receipt_body(fakes.receipt(), default_catalog().sources).model_dump()
    written = {re.sub(r"^sources\.\w+", "sources.<field>", path) for path in flat(body)}
    told = set(re.findall(r"`([^`]+)`", reference("receipt.md")))
    told |= {path.rpartition(".")[0] for path in told}  # what an object may lack as a whole, as `idle`
    assert written <= told


def test_a_receipt_field_without_a_meaning_stops_the_generator():
    field = receipt.ReceiptBody.model_fields["revision"]
    with pytest.raises(LookupError, match=r"grid\.unheard_of"):
        receipt.meaning("grid.unheard_of", field)


@pytest.mark.parametrize("part", parts(), ids=lambda part: part.__name__)
def test_every_public_record_is_documented(part):
    text = reference("records.md")
    assert f"## {part.__name__}\n" in text


def test_every_unit_table_and_source_is_documented():
    glossary, catalogue = reference("glossary.md"), reference("catalogue.md")
    assert not [suffix for suffix in (*SUFFIXES, *REFUSED_SUFFIXES) if f"`{suffix}`" not in glossary]
    assert not [key for key in default_catalog().sources if f"`{key}`" not in catalogue]


def test_every_part_stands_in_the_diagram():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    diagram = reference("layers.md").split("```mermaid")[1].split("```")[0]
    assert [line.replace("galerne.", "") for line in layers] == re.findall(r'\["(.+)"\]', diagram)


def test_the_reference_names_no_machine(pages):
    for path, text in pages.items():
        assert not re.search(r"/(home|root|tmp|work|Users)/", text), path


def test_results_of_examples_are_written_anew():
    page = "before\n\n```pycon\n>>> x = 2\n>>> for i in range(x):\n...     print(i * 10)\n7\n>>> x + 1\n```\n"
    assert examples.with_results(page) == page.replace("\n7\n", "\n0\n10\n").replace("x + 1\n", "x + 1\n3\n")


def test_an_example_that_fails_stops_the_generator():
    with pytest.raises(ZeroDivisionError):
        examples.with_results("```pycon\n>>> 1 / 0\n```\n")


def test_every_dependency_has_its_line_of_justification():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [name for extra in project["optional-dependencies"].values() for name in extra]
    names = {re.split(r"[\[>=<]", entry)[0] for entry in (*project["dependencies"], *extras)}
    text = (ROOT / "docs" / "adr" / "0011-dependencies.md").read_text(encoding="utf-8")
    tables = " ".join(line for line in text.splitlines() if line.startswith("|"))
    assert not [name for name in sorted(names) if f"`{name}`" not in tables]


@pytest.mark.parametrize("path", sorted(ROOT.glob("docs/adr/0*.md")), ids=lambda path: path.stem)
def test_a_decision_is_a_page_and_in_the_index(path):
    text = path.read_text(encoding="utf-8")
    title = text.splitlines()[0].removeprefix(f"# {path.stem[:4]}. ")
    assert f"| [{path.stem[:4]}]({path.name}) | {title} |" in (path.parent / "README.md").read_text("utf-8")
    assert len([line for line in text.splitlines() if not line.startswith("|")]) <= 60  # tables may be long
    assert re.search(r"^## Context.*^## Decision.*^## Consequences", text, re.MULTILINE | re.DOTALL)
