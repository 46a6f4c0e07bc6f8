"""The packaged rows: whole, sourced, and equal to what was published."""

import csv
import dataclasses
import io
import re
from pathlib import Path

import pytest

import galerne
from galerne.catalog import Catalog, Machine, packaged_text
from galerne.perf import (
    BatchShape,
    active_parameter_count,
    kv_bytes_per_token,
    parameter_count,
    predict_step,
    serving_plan,
    weights_bytes,
)

CATALOG = Catalog()
TABLES = [
    name
    for name, value in vars(Catalog).items()
    if hasattr(value, "func") and name != "sources" and not name.startswith("_")
]
ROWS = [(table, row) for table in TABLES for row in getattr(CATALOG, table).rows.values()]
COMPUTE_FORMATS = {"fp16", "fp8", "fp4", "int8"}
PROFILE = "fr_direct_month_hour_2025.csv"


def cited_in_files(keys: set[str]) -> set[str]:
    """Which keys are in docstrings, in tables that are no rows, in scenarios and in published numbers."""
    package, root = Path(galerne.__file__).parent, Path(__file__).parents[2]
    files = [
        *package.rglob("*.py"),
        *(package / "catalog" / "data").rglob("*.csv"),
        *(package / "catalog" / "data" / "validation").rglob("*.toml"),
        *(root / "examples").rglob("*.toml"),
        *(root / "validation").rglob("*.*"),
    ]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return {key for key in keys if key in text and re.search(rf"(?<![\w.-]){re.escape(key)}(?![\w-])", text)}


def cited_in_rows() -> set[str]:
    return {key for _, row in ROWS for key in row.sources.values()}


def test_every_source_is_used():
    rest = set(CATALOG.sources) - cited_in_rows()
    assert rest
    assert rest - cited_in_files(rest) == set()


def test_a_figure_of_our_own_is_never_called_published_or_measured():
    ours = {key for key, source in CATALOG.sources.items() if source.publisher.startswith("Galerne")}
    assert {CATALOG.sources[key].quality for key in ours} <= {"derived", "estimated"}


def test_what_others_say_can_be_looked_up():
    # "the user", "the file": what is said on this very machine has no address.
    others = (s for s in CATALOG.sources.values() if not s.publisher.startswith(("Galerne", "the ")))
    assert [source.key for source in others if not source.url.startswith("https://")] == []


@pytest.mark.parametrize("table", TABLES)
def test_ids_are_lower_case_but_for_zones(table):
    ids = getattr(CATALOG, table).rows
    pattern = r"[A-Z]{2}|WORLD" if table == "zones" else r"[a-z0-9][a-z0-9._-]*"
    assert [row_id for row_id in ids if not re.fullmatch(pattern, row_id)] == []


@pytest.mark.parametrize("model", CATALOG.models.rows.values(), ids=lambda model: model.id)
class TestModels:
    def test_the_architecture_counts_up_to_the_published_size(self, model):
        assert parameter_count(model) == pytest.approx(model.n_parameters, rel=0.03)

    def test_the_active_weights_count_up_to_the_published_size(self, model):
        # A token passes through no more than one row of the input table, which cards count or not.
        low = active_parameter_count(model)
        high = low + model.vocab_size * model.dim
        assert low * 0.97 <= model.n_active_parameters <= high * 1.03

    def test_it_says_where_it_comes_from_and_when(self, model):
        assert model.repository.startswith("mistralai/")
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", model.released)

    def test_research_licences_are_not_for_business(self, model):
        assert model.commercial_use == (
            "Research" not in model.licence and "Non-Production" not in model.licence
        )

    def test_experts_come_with_all_their_numbers(self, model):
        counts = (model.n_experts, model.n_experts_per_token, model.expert_hidden_dim)
        assert all(counts) or not any(counts)
        assert model.n_experts_per_token <= model.n_experts
        assert model.n_dense_layers < model.n_layers

    def test_latent_attention_comes_with_all_its_numbers(self, model):
        ranks = (model.kv_lora_rank, model.qk_nope_head_dim, model.qk_rope_head_dim, model.v_head_dim)
        assert all(ranks) or not any(ranks)


@pytest.mark.parametrize(
    ("model_id", "kv_bytes"),
    [  # bytes per token of context at 16 bits, worked out by hand from the published configurations
        ("mistral-7b-v0.3", 131_072),
        ("mixtral-8x7b", 131_072),
        ("mixtral-8x22b", 229_376),
        ("mistral-nemo-12b", 163_840),
        ("mistral-large-2411", 360_448),
        ("ministral-8b-2410", 147_456),
        ("mistral-small-3.2-24b", 163_840),
        ("voxtral-mini-3b", 122_880),
        ("ministral-3-3b", 106_496),
        ("ministral-3-8b", 139_264),
        ("ministral-3-14b", 163_840),
        ("mistral-large-3-675b", 70_272),
        ("devstral-2-123b", 360_448),
        ("mistral-small-4-119b", 23_040),
    ],
)
def test_the_cache_of_a_token_is_as_published(model_id, kv_bytes):
    assert kv_bytes_per_token(CATALOG.models[model_id]) == kv_bytes


@pytest.mark.parametrize("file", CATALOG.files.rows.values(), ids=lambda file: file.id)
class TestFiles:
    def test_its_size_is_what_the_format_makes_of_the_model(self, file):
        expected_bytes = weights_bytes(CATALOG.models[file.model_id], CATALOG.formats[file.format_id])
        assert file.size_bytes == pytest.approx(expected_bytes, rel=0.03)

    def test_its_checksum_is_whole_or_absent(self, file):
        assert re.fullmatch(r"[0-9a-f]{64}|", file.sha256)

    def test_its_name_says_its_format(self, file):
        assert file.filename.lower().endswith(f"-{file.format_id}.gguf")


@pytest.mark.parametrize("accelerator", CATALOG.accelerators.rows.values(), ids=lambda row: row.id)
class TestAccelerators:
    def test_its_peaks_are_of_known_formats_and_halving_bits_never_slows_floats(self, accelerator):
        peaks = accelerator.peak_flop_per_s
        assert "fp16" in peaks
        assert set(peaks) <= COMPUTE_FORMATS
        floats = [peaks[name] for name in ("fp16", "fp8", "fp4") if name in peaks]
        assert floats == sorted(floats)

    def test_it_idles_far_below_its_limit(self, accelerator):
        assert accelerator.spread["idle_w"].high < accelerator.power_limit_w * 0.6

    def test_its_figures_have_the_size_of_the_trade(self, accelerator):
        assert 16e9 < accelerator.memory_bytes < 400e9
        assert 200e9 < accelerator.memory_bytes_per_s < 20e12
        assert 10_000 < accelerator.embodied_g < 1_000_000


def test_formats_compute_in_known_formats():
    assert {row.compute for row in CATALOG.formats.rows.values()} <= COMPUTE_FORMATS


@pytest.mark.parametrize(
    ("processor", "host_id"),
    [
        ("AMD EPYC 7571", "amd-epyc-1"),
        ("AMD EPYC 7B12", "amd-epyc-2"),
        ("AMD EPYC 7R32", "amd-epyc-2"),
        ("AMD EPYC 7763 64-Core Processor", "amd-epyc-3"),
        ("AMD EPYC 7543P 32-Core Processor", "amd-epyc-3"),
        ("AMD EPYC 9R14", "amd-epyc-4"),
        ("AMD EPYC 9654 96-Core Processor", "amd-epyc-4"),
        ("AMD EPYC", "amd-epyc"),
        ("AMD EPYC 9755 128-Core Processor", "amd-epyc"),
        ("Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz", "intel-broadwell"),
        ("Intel(R) Xeon(R) Platinum 8175M CPU @ 2.50GHz", "intel-skylake"),
        ("Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz", "intel-cascade-lake"),
        ("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", "intel-ice-lake"),
        ("Intel(R) Xeon(R) Platinum 8488C", "intel-sapphire-rapids"),
        ("INTEL(R) XEON(R) PLATINUM 8581C CPU @ 2.10GHz", "intel-emerald-rapids"),
        ("Intel(R) Xeon(R) 6975P-C", "intel-granite-rapids"),
        ("Intel(R) Xeon(R) Processor @ 2.50GHz", "intel-xeon"),
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", "intel-xeon"),
        ("AWS Graviton4", "aws-graviton"),
        ("Apple M4 Max", "apple-silicon"),
        ("13th Gen Intel(R) Core(TM) i9-13900K", "pc"),
        ("Intel(R) Core(TM) Ultra 7 155H", "pc"),
        ("AMD Ryzen 9 7950X 16-Core Processor", "pc"),
        ("QEMU Virtual CPU version 2.5+", "any"),
        ("", "any"),
    ],
)
def test_the_first_host_that_matches_is_the_right_one(processor, host_id):
    hosts = CATALOG.hosts.rows.values()
    assert next(host.id for host in hosts if re.search(host.match, processor, re.IGNORECASE)) == host_id


def test_every_host_is_known_within_limits():
    fields = {"busy_core_w", "idle_core_w", "embodied_core_g", "life_years"}
    assert all(set(host.spread) == fields for host in CATALOG.hosts.rows.values())


@pytest.mark.parametrize(
    ("zone", "g_per_kwh", "l_per_kwh", "eur_per_kwh"),
    [  # Ember by Our World in Data, 2025; WRI; Eurostat nrg_pc_205, second half of 2024
        ("FR", 41.4, 3.6737, 0.0942),
        ("DE", 329.6, 1.947, 0.1427),
        ("SE", 35.3, 6.0315, 0.0627),
        ("PL", 588.6, 2.5135, 0.1092),
        ("US", 384.4, 3.1321, 0.0748),
        ("BR", 110.0, 18.6033, 0.058),
        ("TW", 633.2, 1.4886, None),
        ("WORLD", 458.3, 3.908, None),
    ],
)
def test_a_zones_figures_are_as_published(zone, g_per_kwh, l_per_kwh, eur_per_kwh):
    row = CATALOG.zones[zone]
    assert (row.g_per_kwh, row.l_per_kwh, row.eur_per_kwh) == (g_per_kwh, l_per_kwh, eur_per_kwh)
    assert row.year == 2025


def test_a_zone_with_the_worlds_water_factor_says_so():
    world_l_per_kwh = CATALOG.zones["WORLD"].l_per_kwh
    borrowed = [z for z in CATALOG.zones.rows.values() if z.l_per_kwh == world_l_per_kwh and z.id != "WORLD"]
    assert borrowed
    assert {CATALOG.source_of(zone, "l_per_kwh").quality for zone in borrowed} == {"estimated"}


def test_zones_have_the_size_of_the_trade():
    for zone in CATALOG.zones.rows.values():
        assert 20 < zone.g_per_kwh < 800, zone
        assert 1 < zone.l_per_kwh < 20, zone
        assert zone.eur_per_kwh is None or 0.03 < zone.eur_per_kwh < 0.3, zone


def test_the_french_profile_has_every_hour_of_every_month():
    rows = list(csv.DictReader(io.StringIO(packaged_text(PROFILE))))
    hours = {(int(row["month"]), int(row["hour_utc"])) for row in rows}
    assert hours == {(month, hour) for month in range(1, 13) for hour in range(24)}
    assert len(rows) == 288
    assert {row["source"] for row in rows} <= set(CATALOG.sources)


@pytest.mark.parametrize(
    ("month", "mean_g_per_kwh"),
    [(1, 29.6), (5, 10.9), (9, 10.2), (12, 23.1)],  # monthly means of the same series, RTE and ODRE, 2025
)
def test_the_french_profile_has_the_published_monthly_means(month, mean_g_per_kwh):
    rows = csv.DictReader(io.StringIO(packaged_text(PROFILE)))
    values = [float(row["direct_g_per_kwh"]) for row in rows if int(row["month"]) == month]
    assert sum(values) / len(values) == pytest.approx(mean_g_per_kwh, abs=0.1)


def test_an_h100_that_only_steps_draws_its_idle_power():
    calibration, h100 = CATALOG.calibrations["vllm-accelerator"], CATALOG.accelerators["h100-sxm"]
    limits = h100.spread["idle_w"]
    assert limits.low <= calibration.base_power_ratio * h100.power_limit_w <= limits.high


XEON_DECODE_TOKENS_PER_S = {  # a model of 1 B weights, one stream: llama.cpp, two virtual cores at 2.5 GHz
    "f16": 8.7, "q8_0": 12.8, "q6_k": 14.7, "q4_k_m": 16.9, "q4_0": 16.3,
}  # fmt: skip


@pytest.mark.parametrize(("format_id", "tokens_per_s"), XEON_DECODE_TOKENS_PER_S.items())
def test_the_host_calibration_finds_the_speeds_it_was_fitted_on(format_id, tokens_per_s):
    model = dataclasses.replace(
        CATALOG.models["ministral-3-3b"], dim=2048, n_layers=15, hidden_dim=6656, vocab_size=32_768
    )
    assert parameter_count(model) == pytest.approx(1e9, rel=0.01)
    xeon = Machine(
        name="Xeon",
        host=CATALOG.hosts["intel-xeon"],
        n_cores=2,
        memory_bytes=8_000_000_000,
        memory_bytes_per_s=26.8e9,
        peak_flop_per_s=150e9,
    )
    plan = serving_plan(CATALOG, model, CATALOG.formats[format_id], xeon)
    step_s = predict_step(plan, BatchShape(n_sequences=1.0)).duration_s
    assert 1 / step_s == pytest.approx(tokens_per_s, rel=plan.calibration.error_ratio)


def test_a_hosts_cores_draw_their_busy_power_and_no_more():
    calibration = CATALOG.calibrations["llama.cpp-host"]
    assert calibration.base_power_ratio == 1.0
    assert calibration.traffic_power_ratio == calibration.flop_power_ratio == 0.0


def test_limits_are_of_fields_and_hold_their_best_value():
    for table, row in ROWS:
        for name, limits in row.spread.items():
            assert limits.best == getattr(row, name), f"{table}#{row.id}.{name}"


PUBLISHED = """
Mistral-7B-Instruct-v0.1 Mistral-7B-Instruct-v0.2 Mistral-7B-Instruct-v0.3 Mixtral-8x7B-Instruct-v0.1
Mixtral-8x22B-Instruct-v0.1 Codestral-22B-v0.1 Mamba-Codestral-7B-v0.1 Mathstral-7B-v0.1
Mistral-Nemo-Instruct-2407 Mistral-Large-Instruct-2407 Pixtral-12B-2409 Mistral-Small-Instruct-2409
Ministral-8B-Instruct-2410 Mistral-Large-Instruct-2411 Pixtral-Large-Instruct-2411
Mistral-Small-24B-Instruct-2501 Mistral-Small-3.1-24B-Instruct-2503 Devstral-Small-2505
Magistral-Small-2506 Mistral-Small-3.2-24B-Instruct-2506 Devstral-Small-2507 Voxtral-Mini-3B-2507
Voxtral-Small-24B-2507 Magistral-Small-2507 Magistral-Small-2509 Ministral-3-14B-Instruct-2512
Ministral-3-3B-Instruct-2512 Ministral-3-8B-Instruct-2512 Mistral-Large-3-675B-Instruct-2512
Devstral-2-123B-Instruct-2512 Devstral-Small-2-24B-Instruct-2512 Voxtral-Mini-4B-Realtime-2602
Leanstral-2603 Mistral-Small-4-119B-2603 Voxtral-4B-TTS-2603 Mistral-Medium-3.5-128B
Leanstral-1.5-119B-A6B Shieldstral-1.0
"""
"""Repositories that docs.mistral.ai/models named in August 2026, one for each generation of weights."""


def test_every_open_weight_model_of_mistrals_own_table_is_known():
    tables = CATALOG.models, CATALOG.listed_models
    known = {row.repository for table in tables for row in table.rows.values()}
    assert {f"mistralai/{name}" for name in PUBLISHED.split()} <= known


def test_general_models_are_for_general_use():
    general = {"mistral-small-3.2-24b", "mistral-medium-3.5-128b", "mistral-small-4-119b", "ministral-3-8b"}
    assert {CATALOG.models[model_id].purpose for model_id in general} == {"general"}
