"""llama.cpp in a child process: supervised, restarted, spoken to over a loopback connection with a key."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx

from galerne.clock import Clock, SystemClock
from galerne.engines.child import Child
from galerne.engines.http_line import line_to
from galerne.engines.llama_run import Run, client_of, pools_tokens
from galerne.engines.llama_settings import SMALL_BYTES, LlamaSettings, Tuning, default_threads
from galerne.engines.offload import Offload, find_gpus, plan_offload
from galerne.engines.openai_questions import abilities_of, count_tokens, embed, tokenize
from galerne.engines.openai_stream import stream_answer
from galerne.engines.protocol import (
    EngineKind,
    EngineMemory,
    EngineState,
    EngineStatus,
    check_abilities,
    check_sight,
)
from galerne.engines.slots import Slots
from galerne.errors import EngineCrashed, EngineError, EngineMissing, InvalidModelFile, ModelFileMissing
from galerne.generation import (
    Embedded,
    Finished,
    GenerationEvent,
    GenerationRequest,
    Message,
    RawText,
    Sampling,
    TextToken,
    Toolbox,
    Usage,
)

logger = logging.getLogger(__name__)

NAME = EngineKind.LLAMA_CPP.value
_CHILD = Path(__file__).with_name("llama_child.py")
_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 30.0
MEASURED_TOP_K = 40
"""Tokens drawn among while measuring: without such a cut, a large vocabulary costs more than the model."""
_MOST_MISSED = 3
_STEADY_S = 60.0
"""An engine that has run this long is no longer held to have failed to start."""


class LlamaEngine:
    """llama.cpp's own server, through ``xllamacpp``."""

    def __init__(self, settings: LlamaSettings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._state = EngineState.STOPPED
        self._run: Run | None = None
        self._settled = asyncio.Event()
        self._settled.set()
        self._slots = Slots(settings.n_slots)
        self._supervisor: asyncio.Task[None] | None = None
        self._past_processor_s = 0.0
        self._loading: Child | None = None
        self._abilities = settings.abilities
        self.offload = Offload()

    async def start(self) -> None:
        """Load the model; see ``Engine.start``."""
        if self._supervisor is None:
            if not self._settings.model_path.is_file():
                raise ModelFileMissing(model_id=self._settings.model_id, path=str(self._settings.model_path))
            self._state = EngineState.STARTING
            self._settled.clear()
            self._supervisor = asyncio.create_task(self._supervise())
        supervisor = self._supervisor
        settled = asyncio.create_task(self._settled.wait())
        await asyncio.wait({supervisor, settled}, return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
        if supervisor.cancelled():
            raise EngineCrashed(engine=NAME, exit_code=None, tail="stopped while starting")
        if supervisor.done():
            self._supervisor = None
            self._settle(EngineState.STOPPED)
            supervisor.result()

    async def stop(self) -> None:
        """End the process and every answer in flight."""
        self._settle(EngineState.STOPPED)
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.cancel()
            await asyncio.wait({supervisor})
        await self._retire()

    def resize(self, *, n_slots: int, context_tokens: int) -> None:
        """Answers at once and context from the next start on.

        Raises:
            ValueError: it is running.
        """
        if self._supervisor is not None:
            raise ValueError("an engine is resized while it is stopped")
        self._settings = replace(self._settings, n_slots=n_slots, context_tokens=context_tokens)
        self._slots = Slots(n_slots)

    def tune(self, tuning: Tuning) -> None:
        """Run with these settings from the next start on.

        Raises:
            ValueError: it is running.
        """
        if self._supervisor is not None:
            raise ValueError("an engine is tuned while it is stopped")
        self._settings = replace(self._settings, **asdict(tuning))
        self._slots = Slots(tuning.n_slots)

    def status(self) -> EngineStatus:
        """How it is now."""
        run = self._run
        return EngineStatus(
            kind=EngineKind.LLAMA_CPP,
            state=self._state,
            model_id=self._settings.model_id,
            n_slots=self._settings.n_slots,
            context_tokens=self._settings.context_tokens,
            n_active=self._slots.n_active,
            n_waiting=self._slots.n_waiting,
            load_s=run.load_s if run else None,
            process_id=run.child.process_id if run else None,
            abilities=self._abilities,
        )

    def processor_s(self) -> float:
        """CPU-seconds of this and every earlier process of this engine."""
        child = self._child
        return self._past_processor_s + (child.processor_s() if child else 0.0)

    def memory(self) -> EngineMemory:
        """What its process holds now."""
        child = self._child
        return child.memory() if child else EngineMemory()

    @property
    def _child(self) -> Child | None:
        """The process that runs, or that loads the model."""
        return self._run.child if self._run else self._loading

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Stream one answer; see ``Engine.generate``."""
        arrived_s = self._clock.monotonic_s()
        async with self._slots.taken():
            run = await self._await_ready()
            check_abilities(request, run.abilities)
            answer = stream_answer(
                run.line,
                request,
                engine=NAME,
                clock=self._clock,
                arrived_s=arrived_s,
                manners=run.manners,
            )
            async with contextlib.aclosing(answer):
                try:
                    async for event in answer:
                        yield event
                except (httpx.TransportError, EngineCrashed) as error:
                    raise await self._explain(run) from error

    async def write_on(self, text: str, *, n_tokens: int, temperature: float = 1.0) -> Usage:
        """Go on with a text for so many tokens, whatever the model would say, from no cache: to measure."""
        arrived_s = self._clock.monotonic_s()
        sampling = Sampling(temperature=temperature, top_k=MEASURED_TOP_K, max_new_tokens=n_tokens, seed=1)
        request = GenerationRequest(
            request_id="measure",
            model_id=self._settings.model_id,
            text=RawText(text=text),
            sampling=sampling,
        )
        async with self._slots.taken():
            run = await self._await_ready()
            extras = {**run.manners.extras, "ignore_eos": True, "cache_prompt": False}
            manners = replace(run.manners, extras=extras)
            answer = stream_answer(
                run.line, request, engine=NAME, clock=self._clock, arrived_s=arrived_s, manners=manners
            )
            async with contextlib.aclosing(answer):
                try:
                    usages = [event.usage async for event in answer if isinstance(event, Finished)]
                except (httpx.TransportError, EngineCrashed) as error:
                    raise await self._explain(run) from error
        return usages[-1]

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """A vector for each text; see ``Engine.embed``."""
        arrived_s = self._clock.monotonic_s()
        async with self._slots.taken(), self._asking() as run:
            return await embed(
                run.client,
                texts,
                engine=NAME,
                model_id=self._settings.model_id,
                clock=self._clock,
                arrived_s=arrived_s,
            )

    async def count_tokens(self, messages: Sequence[Message], *, tools: Toolbox | None = None) -> int:
        """Tokens of the prompt that these messages make, by the model's own template and vocabulary."""
        async with self._asking() as run:
            check_sight(messages, run.abilities, model_id=self._settings.model_id)
            return await count_tokens(run.client, messages, tools=tools, manners=run.manners, engine=NAME)

    async def tokenize(self, text: str) -> tuple[TextToken, ...]:
        """The tokens of a text."""
        async with self._asking() as run:
            return await tokenize(run.client, text, engine=NAME)

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncGenerator[Run, None]:
        """A running process for a short question; its death is told as what it is."""
        run = await self._await_ready()
        try:
            yield run
        except httpx.TransportError as error:
            raise await self._explain(run) from error

    async def _await_ready(self) -> Run:
        """The running process; waits while a crashed one is being restarted."""
        if self._run is not None and self._run.child.exit_code is not None:
            self._note_crash()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.patience_s):
                await self._settled.wait()
        if self._run is None or self._state is not EngineState.READY:
            raise EngineCrashed(engine=NAME, exit_code=None, tail=f"the engine is {self._state.value}")
        return self._run

    def _settle(self, state: EngineState) -> None:
        self._state = state
        self._settled.set()

    def _note_crash(self) -> None:
        if self._state is not EngineState.STOPPED:
            self._state = EngineState.CRASHED
            self._settled.clear()

    async def _explain(self, run: Run) -> EngineCrashed:
        """The error for an answer that broke off; waits a moment for the process to be seen dead."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.grace_s):
                await run.child.wait()
            if self._run is run:
                self._note_crash()
        return EngineCrashed(engine=NAME, exit_code=run.child.exit_code, tail=run.child.tail)

    async def _supervise(self) -> None:
        """Restart the process whenever it dies, more slowly each time it dies young."""
        await self._launch()
        backoff_s = _FIRST_BACKOFF_S
        while (run := self._run) is not None:
            started_s = self._clock.monotonic_s()
            await self._watch(run)
            self._note_crash()
            await self._retire()
            if self._clock.monotonic_s() - started_s > _STEADY_S:
                backoff_s = _FIRST_BACKOFF_S
            relaunched = False
            while not relaunched:
                await asyncio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, _LONGEST_BACKOFF_S)
                relaunched = await self._relaunch()

    async def _watch(self, run: Run) -> None:
        """Until the process has died, or has given no sign of life for a while."""
        n_missed = 0
        while run.child.exit_code is None and n_missed < _MOST_MISSED:
            try:
                async with asyncio.timeout(self._settings.heartbeat_s):
                    await run.child.wait()
            except TimeoutError:
                n_missed = 0 if await self._lives(run) else n_missed + 1

    async def _lives(self, run: Run) -> bool:
        try:
            await run.client.get("/health", timeout=self._settings.heartbeat_s)
        except httpx.TransportError:
            return False
        return True

    async def _relaunch(self) -> bool:
        try:
            await self._launch()
        except (EngineError, InvalidModelFile):
            return False
        return True

    async def _launch(self) -> None:
        try:
            await self._launch_once()
        except InvalidModelFile as error:
            if self._settings.projector_path is None:
                raise
            # Eyes that the engine cannot read do not make the model dumb.
            logger.warning("%s runs without eyes: %s", self._settings.model_id, error.problem)
            self._settings = replace(self._settings, projector_path=None)
            await self._launch_once()

    async def _launch_once(self) -> None:
        key = secrets.token_urlsafe(32)
        embeds = await asyncio.to_thread(pools_tokens, self._settings.model_path)
        settings = self._child_settings(key, embeds=embeds)
        if (burden := self._settings.burden) is not None:
            self.offload = plan_offload(await find_gpus(), burden)
            settings["offload"] = asdict(self.offload)
        try:
            child = await Child.spawn([sys.executable, "-P", str(_CHILD)], settings=settings)
        except OSError as error:
            raise EngineMissing(engine=NAME, install_hint=error.strerror or str(error)) from error
        self._loading = child
        try:
            report = await self._ready_report(child)
            client = client_of(report["address"], key)
            self._abilities = abilities = await abilities_of(client, embedding=embeds)
        except BaseException as error:
            await child.end(grace_s=self._settings.grace_s)
            self._loading = None
            self._past_processor_s += child.processor_s()
            if isinstance(error, httpx.TransportError):
                raise EngineCrashed(engine=NAME, exit_code=child.exit_code, tail=child.tail) from error
            raise
        self._run = Run(
            child=child,
            client=client,
            line=line_to(client, report["address"]),
            load_s=report["load_s"],
            abilities=abilities,
        )
        self._loading = None
        self._settle(EngineState.READY)

    def _child_settings(self, key: str, *, embeds: bool) -> dict[str, Any]:
        settings = self._settings
        model_bytes = settings.model_path.stat().st_size
        n_threads = settings.n_threads or default_threads(model_bytes)
        return {
            "model_path": str(settings.model_path),
            "projector_path": str(settings.projector_path or ""),
            "context_tokens": settings.context_tokens,
            "n_slots": settings.n_slots,
            "n_threads": n_threads,
            "n_batch_threads": settings.n_batch_threads or n_threads,
            "warm_up": model_bytes >= SMALL_BYTES,
            # A text to embed is read in one batch.
            "batch_tokens": settings.context_tokens if embeds else settings.batch_tokens,
            "flash_attention": settings.flash_attention,
            "kv_type": settings.kv_type,
            "looks_up": settings.looks_up and not embeds,
            "embeds": embeds,
            "prompt_cache_bytes": settings.prompt_cache_bytes,
            "api_key": key,
        }

    async def _ready_report(self, child: Child) -> dict[str, Any]:
        """What the process says once the model is loaded; raises the error that explains why it is not."""
        report = await child.report()
        if report is not None and report["state"] == "ready":
            return report
        await child.wait()
        match report:
            case {"state": "missing", "problem": problem}:
                raise EngineMissing(engine=NAME, install_hint=f"{problem}; pip install xllamacpp")
            case {"state": "refused"}:
                # The library's own error gives no reason; the first line of its error stream does.
                reason = child.tail.strip().split("\n")[0].partition(" E ")[2]
                raise InvalidModelFile(
                    path=str(self._settings.model_path), problem=reason or "the engine does not say why"
                )
            case _:
                raise EngineCrashed(engine=NAME, exit_code=child.exit_code, tail=child.tail)

    async def _retire(self) -> None:
        """End the present process and close the connection to it."""
        if self._run is None:
            return
        run = self._run
        await run.child.end(grace_s=self._settings.grace_s)
        self._past_processor_s += run.child.processor_s()
        self._run = None
        await run.client.aclose()
