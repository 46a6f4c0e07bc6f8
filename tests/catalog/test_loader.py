import pytest

from galerne.catalog import AcceleratorSpec, Fact, ModelSpec, WeightFormat, ZoneFactor
from galerne.catalog.loader import load_csv, load_sources, load_toml
from galerne.errors import InvalidFact
from galerne.spread import Spread

SOURCES = load_sources(
    """
    [paper]
    title = "A paper"
    publisher = "A press"
    url = "https://example.org"
    date = "2025"
    quality = "published"

    [guess]
    title = "A guess"
    publisher = "Somebody"
    url = ""
    date = "2025"
    quality = "estimated"
    """,
    origin="sources.toml",
)
FACT = 'name = "A fact"\nunit = "W"\nvalue = 3\nsources = { default = "paper" }\n'
FORMATS = "id,name,bytes_per_weight,compute,source\n"
ZONES = "id,name,iso3,year,g_per_kwh,l_per_kwh,eur_per_kwh,source\n"
ACCELERATOR = """
[h]
name = "H"
memory_bytes = 80_000_000_000
memory_bytes_per_s = 3e12
peak_flop_per_s = { fp16 = 989e12, fp8 = 1978e12 }
link_bytes_per_s = 900e9
power_limit_w = 700
idle_w = { best = 100, low = 60, high = 150 }
embodied_g = 164_000
sources = { default = "paper", idle_w = "guess" }
"""


def facts(text):
    return load_toml(Fact, text, origin="facts.toml", sources=SOURCES)


def formats(text):
    return load_csv(WeightFormat, FORMATS + text, origin="formats.csv", sources=SOURCES)


def zones(text):
    return load_csv(ZoneFactor, ZONES + text, origin="zones.csv", sources=SOURCES)


def accelerators(text):
    return load_toml(AcceleratorSpec, text, origin="accelerators.toml", sources=SOURCES)


def refused(load, text):
    with pytest.raises(InvalidFact) as caught:
        load(text)
    return str(caught.value)


def test_a_row_of_toml_becomes_a_record_with_its_sources_and_limits():
    row = accelerators(ACCELERATOR)["h"]
    assert (row.id, row.memory_bytes, row.idle_w) == ("h", 80e9, 100.0)
    assert row.peak_flop_per_s == {"fp16": 989e12, "fp8": 1978e12}
    assert row.spread == {"idle_w": Spread(best=100.0, low=60.0, high=150.0)}
    assert row.sources["idle_w"] == "guess"


def test_a_whole_number_serves_where_a_quantity_is_expected():
    value = facts("[a]\n" + FACT)["a"].value
    assert isinstance(value, float)
    assert value == 3.0


def test_a_row_of_csv_names_one_source_or_one_for_each_field():
    assert formats("q8,Q8,1.0625,int8,paper\n")["q8"].sources == {"default": "paper"}
    row = zones("FR,France,FRA,2025,41.4,3.67,0.0942,default=paper l_per_kwh=guess\n")["FR"]
    assert row.sources == {"default": "paper", "l_per_kwh": "guess"}
    assert (row.year, row.g_per_kwh) == (2025, 41.4)


def test_an_empty_cell_is_none_only_where_it_may_be():
    assert zones("FR,France,FRA,2025,41.4,3.67,,paper\n")["FR"].eur_per_kwh is None
    assert "zones.csv:2.g_per_kwh" in refused(zones, "FR,France,FRA,2025,,3.67,,paper\n")


def test_optional_keys_keep_their_default():
    text = """
    [tiny]
    name = "Tiny"
    repository = "us/tiny"
    released = "2025-01-01"
    licence = "Apache-2.0"
    commercial_use = true
    n_parameters = 1e6
    n_active_parameters = 1e6
    context_tokens = 1024
    dim = 64
    n_layers = 2
    head_dim = 16
    hidden_dim = 128
    n_heads = 4
    n_kv_heads = 2
    vocab_size = 256
    sources = { default = "paper" }
    """
    model = load_toml(ModelSpec, text, origin="models.toml", sources=SOURCES)["tiny"]
    assert (model.n_experts, model.tied_embeddings, model.commercial_use) == (0, False, True)


CITED = '{ default = "paper" }'


@pytest.mark.parametrize(
    ("old", "new", "where", "why"),
    [
        ("name", 'colour = "red"\nname', "facts.toml#a", "unknown key colour"),
        ("name", "spread = { value = 1 }\nname", "facts.toml#a", "unknown key spread"),
        ("name", 'id = "b"\nname', "facts.toml#a", "the name of the table"),
        ('unit = "W"', "", "facts.toml#a", "missing key unit"),
        ('unit = "W"', "unit = 5", "facts.toml#a.unit", "expected str, found 5"),
        (CITED, "{}", "facts.toml#a.value", "without a source"),
        (f"sources = {CITED}", "", "facts.toml#a.value", "without a source"),
        ("paper", "rumour", "facts.toml#a.value", "'rumour' is not in sources.toml"),
        ("default", "name", "facts.toml#a.value", "without a source"),
        (CITED, '{ default = "paper", volume = "guess" }', "facts.toml#a.sources", "unknown key volume"),
        (CITED, '{ default = "paper", unit = "rumour" }', "facts.toml#a.sources.unit", "'rumour'"),
        (CITED, '"paper"', "facts.toml#a.sources", "expected source keys"),
        ("3", "{ best = 3, low = 4, high = 5 }", "facts.toml#a.value", "low <= best <= high"),
        ("3", "{ best = 3, low = 2, high = 1 }", "facts.toml#a.value", "low <= best <= high"),
        ("3", "{ best = 3, low = 2 }", "facts.toml#a.value", "high"),
        ("3", "{ best = 3, low = [2], high = 4 }", "facts.toml#a.value", "not a range"),
        ("3", "{ best = 3, low = 2, hi = 4 }", "facts.toml#a.value", "unknown key hi"),
        ("3", '"3"', "facts.toml#a.value", "expected float, found '3'"),
        ("3", "true", "facts.toml#a.value", "expected float"),
        ("3", "nan", "facts.toml#a.value", "nan is not a quantity"),
        ("3", "inf", "facts.toml#a.value", "inf is not a quantity"),
        ("3", "3\n[a]", "facts.toml", "Cannot declare"),
        ("name = ", "name ", "facts.toml", "line 2"),
    ],
)
def test_a_doubtful_row_of_toml_is_refused_by_file_and_row(old, new, where, why):
    message = refused(facts, "[a]\n" + FACT.replace(old, new))
    assert message.startswith(where)
    assert why in message


def test_a_number_outside_any_row_is_refused():
    assert refused(facts, "a = 3\n") == "facts.toml#a: expected a table of its own"


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("q8,Q8,1.0625,int8\n", "formats.csv:2", "as many cells"),
        ("q8,Q8,1.0625,int8,paper,more\n", "formats.csv:2", "as many cells"),
        ("q8,Q8,much,int8,paper\n", "formats.csv:2.bytes_per_weight", "expected float, found 'much'"),
        ("q8,Q8,nan,int8,paper\n", "formats.csv:2.bytes_per_weight", "nan is not a quantity"),
        ("q8,Q8,1.0625,int8,\n", "formats.csv:2.bytes_per_weight", "without a source"),
        ("q8,Q8,1.0625,int8,rumour\n", "formats.csv:2.bytes_per_weight", "'rumour' is not in sources.toml"),
        ("q8,Q8,1.0625,int8,default=paper guess\n", "formats.csv:2.source", "'guess'"),
        ("q8,Q8,1.0625,int8,default=paper default=guess\n", "formats.csv:2.source", "default=guess"),
        ("q8,Q8,1.0625,int8,weight=paper\n", "formats.csv:2", "without a source"),
        (
            "q8,Q8,1.0625,int8,paper\nq4,Q4,0.5,int8,paper\nq8,Q8,1,int8,paper\n",
            "formats.csv:4",
            "'q8' is there twice",
        ),
    ],
)
def test_a_doubtful_row_of_csv_is_refused_by_file_and_line(text, where, why):
    message = refused(formats, text)
    assert message.startswith(where)
    assert why in message


def test_a_table_with_a_foreign_column_is_refused():
    text = "id,name,bytes_per_weight,compute,colour,source\nq8,Q8,1.0625,int8,red,paper\n"
    with pytest.raises(InvalidFact, match=r"formats.csv:2: unknown key colour"):
        load_csv(WeightFormat, text, origin="formats.csv", sources=SOURCES)


def test_a_table_without_a_column_is_refused():
    text = "id,name,compute,source\nq8,Q8,int8,paper\n"
    with pytest.raises(InvalidFact, match=r"formats.csv:2: missing key bytes_per_weight"):
        load_csv(WeightFormat, text, origin="formats.csv", sources=SOURCES)


def test_a_fraction_is_no_count():
    assert "zones.csv:2.year" in refused(zones, "FR,France,FRA,2025.5,41.4,3.67,,paper\n")


def test_peaks_by_format_are_numbers():
    message = refused(accelerators, ACCELERATOR.replace("989e12", '"fast"'))
    assert message.startswith("accelerators.toml#h.peak_flop_per_s.fp16: expected float")
    message = refused(accelerators, ACCELERATOR.replace("{ fp16 = 989e12, fp8 = 1978e12 }", "989e12"))
    assert message.startswith("accelerators.toml#h.peak_flop_per_s: expected numbers by name")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (('quality = "published"', 'quality = "certain"'), "quality must be one of"),
        (('quality = "published"', ""), "missing key quality"),
        (('date = "2025"', "date = 2025"), "expected str, found 2025"),
        (('title = "A paper"', 'title = "A paper"\npages = 3'), "unknown key pages"),
    ],
)
def test_a_doubtful_source_is_refused_by_its_key(change, why):
    text = """
    [paper]
    title = "A paper"
    publisher = "A press"
    url = "https://example.org"
    date = "2025"
    quality = "published"
    """
    with pytest.raises(InvalidFact) as caught:
        load_sources(text.replace(*change), origin="sources.toml")
    assert str(caught.value).startswith("sources.toml#paper")
    assert why in str(caught.value)
