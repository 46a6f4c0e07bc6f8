"""Measures a model's best settings while nobody asks anything; whoever asks stops it at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable

from galerne.cli.nodes import Shelf
from galerne.cli.tuned import RememberedTunings
from galerne.clock import Clock
from galerne.engines import LlamaEngine, LlamaSettings
from galerne.engines.llama_settings import SMALL_BYTES
from galerne.engines.pace import TuningReport
from galerne.engines.tuning import MOST_OTHERS_CORES, Tuner, TuningTerms
from galerne.errors import GalerneError
from galerne.fleet import Pool, Presence
from galerne.fleet.residents import Resident
from galerne.machine.bystanders import Bystanders

IDLE_S, SMALL_IDLE_S = 60.0, 3.0
"""Nobody has asked anything for so long; a small model is measured in a first pause for thought."""
LOOK_S = 2.0
WATCH_S = 0.05
"""How soon a question stops a measurement."""
BUDGET_S = 60.0
MOST_ATTEMPTS, MOST_SMALL_ATTEMPTS = 3, 12
"""A model whose measurement was disturbed so often waits for the next daemon, or for ``galerne tune``."""


@contextlib.asynccontextmanager
async def tuned_when_idle(
    pool: Pool,
    shelf: Shelf,
    tunings: RememberedTunings,
    *,
    free_bytes: Callable[[], int],
    clock: Clock,
    idle_s: float = IDLE_S,
    look_s: float = LOOK_S,
    most_others_cores: float = MOST_OTHERS_CORES,
) -> AsyncIterator[None]:
    """Measure loaded models that have not been measured here, for as long as the block lasts.

    What is found is used from a model's next load on. A small model, which loads in half a second, is loaded
    anew at once, unless somebody asks.
    """
    idle = _IdleTuning(
        pool,
        shelf,
        tunings,
        free_bytes=free_bytes,
        clock=clock,
        idle_s=idle_s,
        most_others_cores=most_others_cores,
    )
    work = asyncio.create_task(idle.run(look_s), name="galerne-tuning")
    try:
        yield
    finally:
        work.cancel()
        await asyncio.wait({work})


class _IdleTuning:
    def __init__(
        self,
        pool: Pool,
        shelf: Shelf,
        tunings: RememberedTunings,
        *,
        free_bytes: Callable[[], int],
        clock: Clock,
        idle_s: float,
        most_others_cores: float,
    ) -> None:
        self._pool, self._shelf, self._tunings = pool, shelf, tunings
        self._free_bytes, self._clock, self._idle_s = free_bytes, clock, idle_s
        self._bystanders = Bystanders(clock=clock)
        self._attempts: Counter[str] = Counter()
        self._most_others_cores = most_others_cores

    async def run(self, look_s: float) -> None:
        """Look now and then, for ever."""
        while True:
            await asyncio.sleep(look_s)
            is_calm = self._bystanders.cores() <= self._most_others_cores
            resident = self._next() if is_calm and self._nobody_asks() else None
            if resident is not None:
                with contextlib.suppress(GalerneError):  # a model that does not run says so where it is asked
                    await self._measure(resident)

    def _nobody_asks(self) -> bool:
        return not any(each.n_held or each.n_wanted or each.load for each in self._pool.residents)

    def _next(self) -> Resident | None:
        """A loaded model that has not been measured and fits a second time, once all have rested enough."""
        used_s = max((each.used_s for each in self._pool.residents), default=0.0)
        rested_s = self._clock.monotonic_s() - used_s if used_s else float("inf")
        if rested_s < min(self._idle_s, SMALL_IDLE_S):
            return None
        for each in self._pool.residents:
            if each.presence() is not Presence.LOADED or each.node.needed_bytes > self._free_bytes():
                continue
            found = self._shelf.untuned(each.node)
            if found is None:
                continue
            small = found[0].size_bytes < SMALL_BYTES
            idle_s = min(self._idle_s, SMALL_IDLE_S) if small else self._idle_s
            most_attempts = MOST_SMALL_ATTEMPTS if small else MOST_ATTEMPTS
            if rested_s >= idle_s and self._attempts[each.node.node_id] < most_attempts:
                return each
        return None

    async def _measure(self, resident: Resident) -> None:
        found = self._shelf.untuned(resident.node)
        if found is None:
            return
        file, settings, room_for_slots = found
        self._attempts[resident.node.node_id] += 1
        terms = TuningTerms(
            budget_s=BUDGET_S, most_others_cores=self._most_others_cores, room_for_slots=room_for_slots
        )
        tuner = Tuner(
            settings,
            clock=self._clock,
            others_cores=self._bystanders.cores,
            terms=terms,
            engine_of=self._engine_of,
        )
        report = await self._unless_asked(tuner)
        if report is not None and not report.postponed:
            self._tunings.note(file, report, at=self._clock.now_at())
            is_new = report.chosen != report.trials[0].tuning
            if is_new and file.size_bytes < SMALL_BYTES and self._nobody_asks():
                await self._load_anew(resident)

    async def _load_anew(self, resident: Resident) -> None:
        """Have a model run with what was found; whoever asks meanwhile waits for this load."""
        pinned = resident.pinned
        await self._pool.unload(resident.node)
        resident.pinned = pinned
        await asyncio.wait({self._pool.start_loading(resident.node)})

    def _engine_of(self, settings: LlamaSettings) -> LlamaEngine:
        engine = LlamaEngine(settings, clock=self._clock)
        self._shelf.note_measured(engine)
        return engine

    async def _unless_asked(self, tuner: Tuner) -> TuningReport | None:
        """What the tuner finds; None where somebody asked something meanwhile."""
        work = asyncio.create_task(tuner.tune())
        try:
            while not work.done():
                await asyncio.wait({work}, timeout=WATCH_S)
                if not work.done() and not self._nobody_asks():
                    return None
            return work.result()
        finally:
            work.cancel()
            await asyncio.wait({work})
