"""vLLM as a process of ours: its command line made from a serving plan, supervised, asked like any server."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil

from galerne.clock import Clock, SystemClock
from galerne.engines.child import Child
from galerne.engines.protocol import EngineKind, EngineMemory, EngineState, EngineStatus
from galerne.engines.remote import RemoteEngine, RemoteSettings
from galerne.errors import EngineCrashed, EngineMissing
from galerne.generation import Embedded, GenerationEvent, GenerationRequest, Message, TextToken, Toolbox
from galerne.perf import ServingPlan

NAME = EngineKind.VLLM.value
_LIFELINE = Path(__file__).with_name("lifeline.py")
_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 0.5, 60.0
_MOST_MISSED = 3
_SEEN_DEAD_S = 2.0
QUANTIZATIONS: Mapping[str, str] = {"fp8": "fp8"}
"""Formats that vLLM makes of a checkpoint while it loads it; of any other it reads what the checkpoint is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VllmSettings:
    """How the engine runs a model.

    Attributes:
        model_id: the name clients use.
        checkpoint: what vLLM loads: a folder, or the name of a repository that it has in its cache.
        plan: parallelism, context, sequences, format.
        command: the program, with what comes before its arguments.
        options: further arguments, as vLLM's manual has them.
        patience_s: how long it may take to load.
        grace_s: how long it may take to end when asked politely.
        heartbeat_s: how often it must give a sign of life.
    """

    model_id: str
    checkpoint: str
    plan: ServingPlan
    command: tuple[str, ...] = ("vllm",)
    options: tuple[str, ...] = ()
    patience_s: float = 1800.0
    grace_s: float = 12.0
    heartbeat_s: float = 5.0


def vllm_command(settings: VllmSettings, *, port: int) -> list[str]:
    """The command line that serves a plan; the key goes by the environment, where others do not see it."""
    plan = settings.plan
    arguments = {
        "--host": "127.0.0.1",
        "--port": str(port),
        "--served-model-name": settings.model_id,
        "--tensor-parallel-size": str(plan.tensor_parallel),
        "--pipeline-parallel-size": str(plan.pipeline_parallel),
        "--data-parallel-size": str(plan.data_parallel),
        "--max-model-len": str(plan.context_tokens),
        "--max-num-seqs": str(plan.max_sequences),
    }
    if plan.kv_bytes_per_value < 2.0:
        arguments["--kv-cache-dtype"] = "fp8"
    if plan.format.id in QUANTIZATIONS:
        arguments["--quantization"] = QUANTIZATIONS[plan.format.id]
    flags = [word for pair in arguments.items() for word in pair]
    return [*settings.command, "serve", settings.checkpoint, *flags, *settings.options]


class VllmEngine:
    """A ``vllm serve`` of ours. The process is restarted when it dies; the rest is the remote engine."""

    def __init__(self, settings: VllmSettings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._key = secrets.token_urlsafe(32)
        self._port = _free_port()
        self._child: Child | None = None
        self._process_id = 0
        self._supervisor: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._state = EngineState.STOPPED
        self._remote = RemoteEngine(
            RemoteSettings(
                model_id=settings.model_id,
                address=f"http://127.0.0.1:{self._port}",
                key=self._key,
                context_tokens=settings.plan.context_tokens,
                n_slots=settings.plan.max_sequences,
                patience_s=settings.patience_s,
            ),
            clock=clock or SystemClock(),
        )

    async def start(self) -> None:
        """Start the process and wait until it answers; see ``Engine.start``."""
        if self._supervisor is None:
            self._state = EngineState.STARTING
            self._ready.clear()
            self._supervisor = asyncio.create_task(self._supervise())
        supervisor = self._supervisor
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait({supervisor, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if supervisor.cancelled():
            raise EngineCrashed(engine=NAME, exit_code=None, tail="stopped while starting")
        if supervisor.done():
            self._supervisor, self._state = None, EngineState.STOPPED
            supervisor.result()

    async def stop(self) -> None:
        """End the process and every answer in flight."""
        self._state = EngineState.STOPPED
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.cancel()
            await asyncio.wait({supervisor})
        await self._remote.stop()
        await self._end()

    def status(self) -> EngineStatus:
        """How it is now."""
        child = self._child
        return replace(
            self._remote.status(),
            kind=EngineKind.VLLM,
            state=self._state,
            process_id=self._process_id if child and child.exit_code is None else None,
        )

    def processor_s(self) -> float:
        """Seconds in which it worked for us: its work is on accelerators."""
        return self._remote.processor_s()

    def memory(self) -> EngineMemory:
        """What its first process holds of the host's memory; accelerators are not counted."""
        with contextlib.suppress(psutil.Error):
            if self._child is not None and self._process_id:
                held = psutil.Process(self._process_id).memory_info()
                return EngineMemory(
                    resident_bytes=held.rss, private_bytes=held.rss - getattr(held, "shared", 0)
                )
        return EngineMemory()

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Stream one answer; see ``Engine.generate``."""
        async with self._asking(), contextlib.aclosing(self._remote.generate(request)) as answer:
            async for event in answer:
                yield event

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """A vector for each text; see ``Engine.embed``."""
        async with self._asking():
            return await self._remote.embed(texts)

    async def count_tokens(self, messages: Sequence[Message], *, tools: Toolbox | None = None) -> int:
        """Tokens of the prompt that these messages make."""
        async with self._asking():
            return await self._remote.count_tokens(messages, tools=tools)

    async def tokenize(self, text: str) -> tuple[TextToken, ...]:
        """The tokens of a text."""
        async with self._asking():
            return await self._remote.tokenize(text)

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncGenerator[None, None]:
        """A process that answers; waits a moment for one that broke off to be seen dead."""
        await self._await_ready()
        child = self._child
        try:
            yield
        except EngineCrashed:
            if child is not None and self._child is child:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_SEEN_DEAD_S):
                        await child.wait()
                    self._note_crash()
            raise

    async def _await_ready(self) -> None:
        """Wait while a process that died is being replaced."""
        child = self._child
        if child is not None and child.exit_code is not None:
            self._note_crash()
        if self._state is EngineState.CRASHED:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.patience_s):
                    await self._ready.wait()
        if self._state is not EngineState.READY:
            raise EngineCrashed(engine=NAME, exit_code=None, tail=f"the engine is {self._state.value}")

    def _note_crash(self) -> None:
        if self._state is EngineState.READY:
            self._state = EngineState.CRASHED
            self._ready.clear()

    async def _supervise(self) -> None:
        await self._launch()
        backoff_s = _FIRST_BACKOFF_S
        while True:
            await self._watch()
            self._note_crash()
            await self._remote.stop()
            await self._end()
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, _LONGEST_BACKOFF_S)
            with contextlib.suppress(EngineCrashed):
                await self._launch()
                backoff_s = _FIRST_BACKOFF_S

    async def _launch(self) -> None:
        command = vllm_command(self._settings, port=self._port)
        # Where it counts and what it sends home is switched off: nothing leaves the machine unasked.
        environment = {"VLLM_API_KEY": self._key, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        settings = {"command": command, "environment": environment}
        self._child = child = await Child.spawn([sys.executable, "-P", str(_LIFELINE)], settings=settings)
        report = await child.report()
        if report is None or report["state"] != "started":
            problem = report["problem"] if report else child.tail
            await self._end()
            raise EngineMissing(engine=NAME, install_hint=f"{command[0]}: {problem}; pip install vllm")
        self._process_id = int(report["process_id"])
        try:
            await self._await_answer(child)
        except BaseException:
            await self._remote.stop()
            await self._end()
            raise
        self._state = EngineState.READY
        self._ready.set()

    async def _await_answer(self, child: Child) -> None:
        """Until the server answers; raises if the process ends before."""
        starting = asyncio.create_task(self._remote.start())
        died = asyncio.create_task(child.wait())
        try:
            await asyncio.wait({starting, died}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                raise EngineCrashed(engine=NAME, exit_code=child.exit_code, tail=child.tail)
            starting.result()
        finally:
            starting.cancel()
            died.cancel()
            await asyncio.wait({starting, died})

    async def _watch(self) -> None:
        """Until the process has died, or has given no sign of life for a while."""
        child, n_missed = self._child, 0
        async with httpx.AsyncClient(trust_env=False) as client:
            while child is not None and child.exit_code is None and n_missed < _MOST_MISSED:
                try:
                    async with asyncio.timeout(self._settings.heartbeat_s):
                        await child.wait()
                except TimeoutError:
                    n_missed = 0 if await self._lives(client) else n_missed + 1

    async def _lives(self, client: httpx.AsyncClient) -> bool:
        try:
            await client.get(f"http://127.0.0.1:{self._port}/health", timeout=self._settings.heartbeat_s)
        except httpx.TransportError:
            return False
        return True

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.end(grace_s=self._settings.grace_s)


def _free_port() -> int:
    """A port that nobody has now; vLLM cannot be told to choose one and say which."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
