"""Measured settings: kept by machine, file and engine, told, and used from a model's next load on."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from galerne.catalog import Catalog
from galerne.cli import idle_tuning
from galerne.cli.idle_tuning import tuned_when_idle
from galerne.cli.shelf import LocalShelf, room_for_slots
from galerne.cli.tuned import NEVER_TUNED, RememberedTunings
from galerne.clock import ManualClock, SystemClock
from galerne.engines import EngineState, Tuning
from galerne.engines.offload import NO_GPUS, Gpu, GpuShare
from galerne.engines.pace import Pace, Trial, TuningReport
from galerne.fleet import Pool
from galerne.generation import Usage
from galerne.models import library
from tests.models.gguf_bytes import tiny_gguf
from tests.perf.factories import LAPTOP

MACHINE = replace(LAPTOP, fingerprint="laptop")
PACE = Pace(
    read_tokens_per_s=100.0, write_tokens_per_s=10.0, together_tokens_per_s=50.0, repeat_tokens_per_s=10.0
)
CHOSEN = Tuning(n_threads=2, n_batch_threads=4, n_slots=8)
REPORT = TuningReport(
    chosen=CHOSEN,
    noise_ratio=0.04,
    gain_ratio=1.5,
    took_s=9.0,
    trials=tuple(Trial(tuning=tuning, pace=PACE, others_cores=0.0) for tuning in (Tuning(), CHOSEN)),
)


@pytest.fixture
def folder(tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    (models / "tiny.gguf").write_bytes(tiny_gguf())
    return models


def file_in(folder):
    return library(folder, stores=()).find("tiny")


def tunings(folder, machine=MACHINE, version="1"):
    return RememberedTunings(folder.parent, machine, engine_version=version)


def shelf_of(folder, known):
    return LocalShelf(
        Catalog(None),
        MACHINE,
        installed=lambda: library(folder, stores=()),
        default_id="tiny",
        context_tokens=512,
        clock=ManualClock(),
        tunings=known,
    )


def test_what_was_measured_is_known_to_this_machine_file_and_engine_alone(folder):
    file = file_in(folder)
    kept = tunings(folder).note(file, REPORT, at=5.0)
    assert tunings(folder).of(file) == kept
    assert (kept.tuning, kept.why, kept.trials[1]) == (CHOSEN, "measured", (CHOSEN, PACE))
    assert tunings(folder, machine=replace(MACHINE, fingerprint="other")).of(file) is NEVER_TUNED
    assert tunings(folder, version="2").of(file) is NEVER_TUNED
    (folder / "tiny.gguf").write_bytes(tiny_gguf()[:-1] + b"\x01")
    assert tunings(folder).of(file_in(folder)) is NEVER_TUNED


def test_defaults_that_nothing_beat_are_kept_as_such(folder):
    kept = tunings(folder).note(file_in(folder), replace(REPORT, chosen=Tuning(), gain_ratio=1.0), at=5.0)
    assert kept.why == "no_better"
    assert tunings(folder).of(file_in(folder)) == kept


@pytest.mark.parametrize("text", ["", "[]", '{"procedure": 1, "tuned": 3}', '{"procedure": 0}'])
def test_a_damaged_file_is_begun_anew(text, folder):
    (folder.parent / "tuned.json").write_text(text)
    assert tunings(folder).of(file_in(folder)) is NEVER_TUNED
    tunings(folder).note(file_in(folder), REPORT, at=5.0)
    assert tunings(folder).of(file_in(folder)).tuning == CHOSEN


def test_a_model_is_loaded_with_what_was_measured_since_and_says_why(folder):
    known = tunings(folder)
    (node,) = [n for n in shelf_of(folder, known).find_nodes() if n.model_id == "tiny"]
    needed_before = node.needed_bytes
    assert (node.engine.status().n_slots, node.settings()["why"]) == (4, "not_measured")
    known.note(file_in(folder), REPORT, at=5.0)
    assert node.settings()["next_load"] == "measured"
    assert (node.engine.status().n_slots, node.settings()["slots"]) == (4, "4")  # what serves is not touched
    assert node.adapt is not None
    assert node.adapt(1 << 40) is True
    told = node.settings()
    assert (told["threads"], told["batch_threads"], told["slots"]) == ("2", "4", "8")
    assert (told["why"], told["gain_ratio"]) == ("measured", "1.500")
    assert node.engine.status().n_slots == node.plan.max_sequences == 8
    assert node.needed_bytes > needed_before
    assert node.plan.machine.n_cores == 2
    assert node.adapt(1 << 40) is False


def test_where_memory_is_short_measured_slots_give_way(folder):
    tunings(folder).note(file_in(folder), REPORT, at=5.0)
    (node,) = [n for n in shelf_of(folder, tunings(folder)).find_nodes() if n.model_id == "tiny"]
    assert node.engine.status().n_slots == 8
    assert node.adapt is not None
    node.adapt(node.needed_bytes - 1)
    assert node.engine.status().n_slots == 4


def test_a_measured_model_is_not_measured_again(folder):
    shelf = shelf_of(folder, tunings(folder))
    (node,) = [n for n in shelf.find_nodes() if n.model_id == "tiny"]
    assert shelf.untuned(node) is not None
    tunings(folder).note(file_in(folder), REPORT, at=5.0)
    assert shelf.untuned(node) is None
    assert room_for_slots(node.plan)


class FastEngine:
    """Stands for an engine that is measured; ``gate`` holds it."""

    gate: Any
    n_running = 0

    def __init__(self, settings, *, clock=None):
        self.settings = settings

    async def start(self):
        type(self).n_running += 1

    async def stop(self):
        type(self).n_running -= 1

    def processor_s(self):
        return 1.0

    async def write_on(self, text, *, n_tokens, temperature=1.0):
        await self.gate.wait()
        faster = 2.0 if self.settings.n_batch_threads == self.settings.n_threads == 2 else 1.0
        await asyncio.sleep(0.002 / faster)
        return Usage(
            prompt_tokens=len(text), cached_tokens=0, new_tokens=n_tokens, queued_s=0.0,
            prefill_s=len(text) / 1000 / faster, decode_s=n_tokens / 100 / faster,
        )  # fmt: skip


@pytest.fixture
def idle(folder, monkeypatch):
    """A loaded model on a calm machine, and what measures it."""
    FastEngine.gate, FastEngine.n_running = asyncio.Event(), 0
    monkeypatch.setattr(idle_tuning, "LlamaEngine", FastEngine)
    monkeypatch.setattr("galerne.engines.tuning.usable_cores", lambda: 2)
    monkeypatch.setattr(idle_tuning.Bystanders, "cores", lambda _: 0.0)
    shelf = shelf_of(folder, tunings(folder))
    nodes = [n for n in shelf.find_nodes() if n.model_id == "tiny"]
    pool = Pool(
        find_nodes=lambda: nodes, free_bytes=lambda: 1 << 40, booking=nullcontext, clock=SystemClock()
    )
    status = nodes[0].engine.status()
    state = [EngineState.READY]

    async def start():
        state.append(EngineState.READY)

    async def stop():
        state.append(EngineState.STOPPED)

    nodes[0].engine = SimpleNamespace(
        status=lambda: replace(status, state=state[-1]), start=start, stop=stop, states=state
    )
    work = tuned_when_idle(
        pool, shelf, tunings(folder), free_bytes=lambda: 1 << 40, clock=SystemClock(), idle_s=0.0, look_s=0.0
    )
    return pool, shelf, work


@pytest.mark.anyio
async def test_while_nobody_asks_a_loaded_model_is_measured_and_its_work_is_counted(idle, folder):
    _, shelf, work = idle
    FastEngine.gate.set()
    async with work, asyncio.timeout(30):
        while tunings(folder).of(file_in(folder)) is NEVER_TUNED:
            await asyncio.sleep(0.01)
    assert tunings(folder).of(file_in(folder)).trials
    assert FastEngine.n_running == 0
    assert len(shelf._measured) >= 3


@pytest.mark.anyio
async def test_a_small_model_is_loaded_anew_with_what_was_found_and_stays_pinned(idle, folder):
    pool, _, work = idle
    (resident,) = pool.residents
    resident.pinned = True
    FastEngine.gate.set()
    async with work, asyncio.timeout(30):
        while len(resident.node.engine.states) < 3 or resident.load:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)
    assert tunings(folder).of(file_in(folder)).why == "measured"
    assert resident.node.engine.states == [EngineState.READY, EngineState.STOPPED, EngineState.READY]
    assert resident.pinned


@pytest.mark.anyio
async def test_a_large_model_goes_on_with_what_it_was_loaded_with_and_rests_longer(idle, folder, monkeypatch):
    pool, _, work = idle
    monkeypatch.setattr(idle_tuning, "SMALL_BYTES", 1)
    FastEngine.gate.set()
    async with work, asyncio.timeout(30):
        while tunings(folder).of(file_in(folder)) is NEVER_TUNED:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
    assert pool.residents[0].node.engine.states == [EngineState.READY]


@pytest.mark.anyio
async def test_a_question_stops_the_measurement_and_leaves_nothing(idle, folder):
    pool, _, work = idle
    async with work, asyncio.timeout(30):
        while not FastEngine.n_running:
            await asyncio.sleep(0.01)
        pool.residents[0].n_held = 1
        while FastEngine.n_running:
            await asyncio.sleep(0.01)
    assert tunings(folder).of(file_in(folder)) is NEVER_TUNED


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_show_says_that_nothing_is_measured_yet_and_then_what_was(home, here):
    assert "not measured here yet" in here("show", "galerne-mini").output
    document = here("show", "galerne-mini", "--json").document()
    assert document["tuning"]["settings"]["why"] == "not_measured"


def test_tune_measures_keeps_and_shows(home, here, monkeypatch):
    FastEngine.gate = SimpleNamespace(wait=lambda: asyncio.sleep(0))
    monkeypatch.setattr("galerne.cli.commands.tune.LlamaEngine", FastEngine)
    (home / "models").mkdir()
    (home / "models" / "tiny.gguf").write_bytes(tiny_gguf())
    found = here("tune", "tiny", "--anyway", "--seconds", "60", "--json").document()
    assert found["measured_now"]
    assert found["settings"]["why"] in {"measured", "no_better"}
    assert found["trials"][0]["changes"] == {}
    assert "the defaults" in here("tune", "tiny", "--again", "--anyway").output
    found = here("tune", "tiny", "--json").document()
    again = here("tune", "tiny", "--json").document()
    assert not again["measured_now"]
    assert again["trials"] == found["trials"]
    assert "measured here" in here("show", "tiny").output.lower()


def test_a_busy_machine_is_told_and_nothing_is_kept(home, here, monkeypatch):
    monkeypatch.setattr("galerne.cli.commands.tune.Bystanders.cores", lambda _: 1.5)
    refused = here("tune", "galerne-mini")
    assert refused.exit_code == 4
    assert "1.5 cores" in refused.errors
    assert not (home / "tuned.json").exists()


def test_what_gpus_hold_is_not_asked_of_this_machines_memory(folder):
    gpu = Gpu(name="CUDA0", description="NVIDIA L4", free_bytes=20 << 30, memory_bytes=24 << 30)
    plain, offloaded = (
        LocalShelf(
            Catalog(None),
            MACHINE,
            installed=lambda: library(folder, stores=()),
            default_id="tiny",
            context_tokens=512,
            clock=ManualClock(),
            share=share,
        ).find_nodes()[0]
        for share in (NO_GPUS, GpuShare(gpus=(gpu,)))
    )
    assert offloaded.needed_bytes < plain.needed_bytes
    assert "gpu_layers" in offloaded.settings()
    assert "gpu_layers" not in plain.settings()


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_planned(here, tmp_path, monkeypatch):
    monkeypatch.setattr("galerne.cli.commands.site.plan_site", lambda *_, **__: pytest.fail("it was planned"))
    refused = here("site", "plan", "essonne", "--report", str(tmp_path / "missing" / "x.html"))
    assert refused.exit_code == 2
    assert "cannot be written" in refused.errors
