"""Which settings llama.cpp runs a model with fastest here: measured, not assumed.

Each candidate starts an engine of its own, reads a prompt, writes alone, and writes eight answers at once.
What does not beat the defaults by more than the measurements scatter is not taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from galerne.clock import Clock
from galerne.engines.llama import LlamaEngine
from galerne.engines.llama_settings import LlamaSettings, Tuning, default_threads, usable_cores
from galerne.engines.pace import Pace, Trial, TuningReport
from galerne.errors import EngineError, InvalidModelFile

N_STREAMS = 8
MORE_SLOTS = 8
CONTEXT_TOKENS = 2048
"""Room for one conversation while measuring; what a larger one holds is not what is compared."""
LEAST_NOISE_RATIO = 0.03
"""No difference smaller than this is believed."""
UNKNOWN_NOISE_RATIO = 0.1
"""Where the time did not allow the defaults to be measured twice."""
LEAST_TRIAL_S = 5.0
"""What a candidate that has begun is given in any case."""
TOO_SLOW_RATIO = 3.0
"""A candidate that takes so many times as long as the defaults did is given up."""
MOST_OTHERS_CORES = 0.3
"""Other programs that keep more than this busy would be measured with the engine."""
ASPIRED_S = 0.3
"""About how long each part of a measurement takes, where the model is fast enough for that."""
LEAST_READ, MOST_READ = 48, 480
LEAST_WRITTEN, MOST_WRITTEN = 12, 96
_LETTERS = "abcdefghijklmnopqrstuvwxyz "
_PASSAGE = "The west wind turns the mill, and the mill turns the stone that grinds the corn. "


class _Crowded(Exception):  # not an error: a reason to stop
    """Others compute here."""


class _Unfit(Exception):  # not an error: an answer
    """A candidate does not run, or takes much longer than the defaults."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TuningTerms:
    """What a tuner may do.

    Attributes:
        budget_s: no further candidate is begun after this; the last comparison may take half as long again.
        most_others_cores: from there on, kept busy by other programs, nothing is concluded.
        room_for_slots: whether the memory holds ``MORE_SLOTS`` conversations.
        halve_keys: whether keys and values of 8 bits may be taken, which may change an answer.
    """

    budget_s: float = 60.0
    most_others_cores: float = MOST_OTHERS_CORES
    room_for_slots: bool = True
    halve_keys: bool = False


class Tuner:
    """Measures one model.

    Args:
        settings: how the engine runs it without any tuning.
        clock: time.
        others_cores: cores that other programs have used since it was last asked.
        terms: what it may do.
        note: told of each trial.
        engine_of: makes an engine.
    """

    def __init__(
        self,
        settings: LlamaSettings,
        *,
        clock: Clock,
        others_cores: Callable[[], float],
        terms: TuningTerms | None = None,
        note: Callable[[Trial], None] = lambda _trial: None,
        engine_of: Callable[[LlamaSettings], LlamaEngine] = LlamaEngine,
    ) -> None:
        context_tokens = min(settings.context_tokens, CONTEXT_TOKENS)
        self._settings = replace(settings, context_tokens=context_tokens, prompt_cache_bytes=0)
        self._clock, self._others_cores, self._terms = clock, others_cores, terms or TuningTerms()
        self._note, self._engine_of = note, engine_of
        self._began_s = clock.monotonic_s()
        self._trials: list[Trial] = []
        self._n_read = self._n_written = 0
        self._first_took_s = 0.0

    async def tune(self) -> TuningReport:
        """Measure and choose.

        Raises:
            EngineError: the model does not run at all.
        """
        defaults = Tuning(n_slots=self._settings.n_slots)
        best, complete = defaults, True
        try:
            await self._try(defaults)
            best = await self._climb(defaults)
        except TimeoutError:
            if len(self._trials) < 2:  # nothing to compare: something is in the way
                return self._report(defaults, postponed=True)
            complete, best = False, self._best_so_far(defaults)
        except _Crowded:
            return self._report(defaults, postponed=True, complete=False)
        if best == defaults:
            return self._report(defaults, complete=complete)
        return await self._confirm(best, defaults, complete=complete)

    async def _confirm(self, best: Tuning, defaults: Tuning, *, complete: bool) -> TuningReport:
        """Measure both again, one right after the other: the machine may have changed meanwhile."""
        try:
            again = await self._try(defaults, beyond_budget=complete)
            confirmed = await self._try(best, beyond_budget=complete)
        except (TimeoutError, _Unfit):
            known = self._pace_of(defaults), self._pace_of(best)
            return replace(self._judge(best, *known, UNKNOWN_NOISE_RATIO), complete=False)
        except _Crowded:
            return self._report(defaults, postponed=True, complete=False)
        apart = again.pace.over(self._trials[0].pace).usual
        noise_ratio = max(LEAST_NOISE_RATIO, *(abs(ratio - 1) for ratio in apart))
        return replace(self._judge(best, again.pace, confirmed.pace, noise_ratio), complete=complete)

    async def _climb(self, defaults: Tuning) -> Tuning:
        """One setting after the other, each with the best of those before it."""
        best = await self._with_threads(defaults)
        for change in self._further(best):
            with contextlib.suppress(_Unfit):
                trial = await self._try(replace(best, **change))
                best = trial.tuning if self._is_better(trial, best) else best
        return best

    async def _with_threads(self, defaults: Tuning) -> Tuning:
        """Threads for writing and for batches, chosen apart: a trial says which are best for either."""
        model_bytes = self._settings.model_path.stat().st_size
        given = self._settings.n_threads or default_threads(model_bytes)
        by_threads = {given: self._pace_of(defaults)}
        for n_threads in thread_candidates(usable_cores(), given):
            with contextlib.suppress(_Unfit):
                trial = await self._try(replace(defaults, n_threads=n_threads, n_batch_threads=n_threads))
                by_threads[n_threads] = trial.pace
        writing = max(by_threads, key=lambda n: by_threads[n].write_tokens_per_s)
        batches = max(
            by_threads,
            key=lambda n: by_threads[n].read_tokens_per_s * by_threads[n].together_tokens_per_s,
        )
        if writing == batches == given:
            return defaults
        chosen = replace(defaults, n_threads=writing, n_batch_threads=batches)
        if writing != batches:
            try:
                await self._try(chosen)
            except _Unfit:
                return defaults
        return chosen

    def _further(self, best: Tuning) -> Iterable[dict[str, Any]]:
        if self._terms.room_for_slots and best.n_slots < MORE_SLOTS:
            yield {"n_slots": MORE_SLOTS}
        yield {"flash_attention": False}
        yield {"batch_tokens": 256}
        yield {"looks_up": True}
        if self._terms.halve_keys:
            yield {"kv_type": "q8_0", "flash_attention": True}

    def _is_better(self, trial: Trial, than: Tuning) -> bool:
        """Better in the mean, nowhere worse by more than the noise; looking up: better where text repeats."""
        ratios = trial.pace.over(self._pace_of(than))
        if trial.tuning.n_slots != than.n_slots:
            return ratios.together_tokens_per_s > 1 + LEAST_NOISE_RATIO  # one alone meets the same engine
        if min(ratios.usual) < 1 - LEAST_NOISE_RATIO:
            return False
        if trial.tuning.looks_up and not than.looks_up:
            return ratios.repeat_tokens_per_s > 1 + UNKNOWN_NOISE_RATIO
        if trial.tuning.kv_type != than.kv_type:
            return True  # asked for: half the memory at no cost in speed
        return ratios.gain_ratio > 1 + LEAST_NOISE_RATIO

    def _judge(self, best: Tuning, default: Pace, found: Pace, noise_ratio: float) -> TuningReport:
        """The last word: against the defaults as they were measured just before."""
        ratios = found.over(default)
        gains = ratios.gain_ratio
        if best.looks_up:
            gains = max(gains, ratios.repeat_tokens_per_s)
        wanted = best.kv_type != Tuning().kv_type
        if (gains > 1 + noise_ratio or wanted) and min(ratios.usual) > 1 - noise_ratio:
            return self._report(best, noise_ratio=noise_ratio, gain_ratio=ratios.gain_ratio)
        return self._report(self._trials[0].tuning, noise_ratio=noise_ratio)

    def _report(
        self,
        chosen: Tuning,
        *,
        noise_ratio: float = LEAST_NOISE_RATIO,
        gain_ratio: float = 1.0,
        postponed: bool = False,
        complete: bool = True,
    ) -> TuningReport:
        return TuningReport(
            chosen=chosen,
            noise_ratio=noise_ratio,
            gain_ratio=gain_ratio,
            took_s=self._clock.monotonic_s() - self._began_s,
            trials=tuple(self._trials),
            postponed=postponed,
            complete=complete and not postponed,
        )

    def _pace_of(self, tuning: Tuning) -> Pace:
        return next(trial.pace for trial in reversed(self._trials) if trial.tuning == tuning)

    def _best_so_far(self, defaults: Tuning) -> Tuning:
        """Of what the time allowed."""
        if not self._trials:
            return defaults
        base = self._trials[0].pace
        return max(self._trials, key=lambda trial: trial.pace.over(base).gain_ratio).tuning

    async def _try(self, tuning: Tuning, *, beyond_budget: bool = False) -> Trial:
        """Start an engine with these settings, and measure.

        Raises:
            TimeoutError: the time is over.
        """
        spent_s = self._clock.monotonic_s() - self._began_s
        left_s = self._terms.budget_s * (1.5 if beyond_budget else 1.0) - spent_s
        if self._trials and left_s <= 0:
            raise TimeoutError
        # What takes so much longer than the defaults cannot be better, and is not waited for.
        patience_s = min(max(left_s, LEAST_TRIAL_S), max(LEAST_TRIAL_S, TOO_SLOW_RATIO * self._first_took_s))
        engine = self._engine_of(replace(self._settings, **asdict(tuning)))
        began_s = self._clock.monotonic_s()
        try:
            async with asyncio.timeout(patience_s if self._trials else self._terms.budget_s):
                await engine.start()
                if not self._n_read:
                    await self._size_up(engine)
                self._others_cores()  # what happened while it loaded does not matter
                pace = (await self._measure(engine)).best_of(await self._measure(engine))
            others_cores = self._others_cores()
        except TimeoutError:
            if not self._trials or patience_s >= left_s:
                raise
            raise _Unfit from None
        except (EngineError, InvalidModelFile):
            if not self._trials:
                raise
            raise _Unfit from None  # not every model takes every setting
        finally:
            await engine.stop()
        self._first_took_s = self._first_took_s or self._clock.monotonic_s() - began_s
        if others_cores > self._terms.most_others_cores:
            raise _Crowded
        trial = Trial(tuning=tuning, pace=pace, others_cores=others_cores)
        self._trials.append(trial)
        self._note(trial)
        return trial

    async def _size_up(self, engine: LlamaEngine) -> None:
        """How long a prompt and an answer are read and written in about ``ASPIRED_S``."""
        await engine.write_on(_text(1, 64), n_tokens=4)
        usage = await engine.write_on(_text(2, 64), n_tokens=LEAST_WRITTEN)
        most = self._settings.context_tokens // 3
        read = int(ASPIRED_S * usage.prompt_tokens / max(usage.prefill_s, 1e-6))
        written = int(ASPIRED_S * usage.decode_tokens_per_s)
        self._n_read = min(max(read, LEAST_READ), MOST_READ, most)
        self._n_written = min(max(written, LEAST_WRITTEN), MOST_WRITTEN, most)

    async def _measure(self, engine: LlamaEngine) -> Pace:
        reading = await engine.write_on(_text(3, self._n_read), n_tokens=2)
        writing = await engine.write_on(_text(4, 16), n_tokens=self._n_written)
        passage = (_PASSAGE * 4)[: self._settings.context_tokens // 2]  # a token has one letter at least
        repeating = await engine.write_on(passage, n_tokens=self._n_written, temperature=0.0)
        began_s = self._clock.monotonic_s()
        answers = await asyncio.gather(
            *(
                engine.write_on(_text(10 + n, self._n_read // 4), n_tokens=max(8, self._n_written // 2))
                for n in range(N_STREAMS)
            )
        )
        took_s = max(self._clock.monotonic_s() - began_s, 1e-6)
        return Pace(
            read_tokens_per_s=reading.prompt_tokens / max(reading.prefill_s, 1e-6),
            write_tokens_per_s=max(writing.decode_tokens_per_s, 1e-6),
            together_tokens_per_s=sum(u.prompt_tokens + u.new_tokens for u in answers) / took_s,
            repeat_tokens_per_s=max(repeating.decode_tokens_per_s, 1e-6),
        )


def thread_candidates(n_cores: int, given: int) -> list[int]:
    """Threads worth trying beside those given: half the physical cores, all of them; one where few are.

    More threads than cores only wait for each other.
    """
    single = {1} if n_cores <= 4 else set()
    return sorted((single | {max(1, n_cores // 2), n_cores}) - {given})


def _text(seed: int, n_characters: int) -> str:
    """Letters without meaning, the same for each seed: no cache knows them, and no model ends them."""
    draw = random.Random(seed)  # noqa: S311  # not a secret
    return "".join(draw.choices(_LETTERS, k=max(8, n_characters)))
