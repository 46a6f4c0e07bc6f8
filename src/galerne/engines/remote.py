"""Any server that speaks OpenAI's protocol, as an engine: vLLM, llama-server, a hosted API.

Its address comes from the settings and never from a request. We neither start nor stop it: ``start`` waits
until it answers, and a connection that fails is told as a crash. Its processor cannot be seen, so the
seconds in which it worked for us stand in for CPU-seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from galerne.clock import Clock, SystemClock
from galerne.engines.http_line import HttpLine, Line, line_to
from galerne.engines.openai_body import LLAMA_CPP, Manners
from galerne.engines.openai_questions import abilities_of, count_tokens, embed, tokenize
from galerne.engines.openai_stream import refusal, stream_answer
from galerne.engines.protocol import (
    Abilities,
    EngineKind,
    EngineMemory,
    EngineState,
    EngineStatus,
    check_abilities,
    check_sight,
)
from galerne.engines.slots import Slots
from galerne.errors import EngineCrashed, EngineRefused
from galerne.generation import Embedded, GenerationEvent, GenerationRequest, Message, TextToken, Toolbox

NAME = EngineKind.REMOTE.value
_RETRY_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteSettings:
    """Where a server is and what it may be asked.

    Attributes:
        model_id: the name our clients use.
        address: up to but without ``/v1``.
        served_name: the server's name for the model; None for the only one it has.
        context_tokens: used where the server does not tell its own.
        n_slots: answers we ask of it at once.
        patience_s: how long to wait for it to answer, at start and after a failure.
        abilities: what its model can do, where it is not llama.cpp, which tells.
    """

    model_id: str
    address: str
    key: str = field(default="", repr=False)
    served_name: str | None = None
    context_tokens: int = 4096
    n_slots: int = 16
    patience_s: float = 30.0
    abilities: Abilities = field(default_factory=lambda: Abilities(tools=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Server:
    """What was found at the address."""

    name: str
    context_tokens: int
    manners: Manners
    abilities: Abilities
    load_s: float


class RemoteEngine:
    """A server that somebody else runs."""

    def __init__(self, settings: RemoteSettings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._state = EngineState.STOPPED
        self._server: _Server | None = None
        self._slots = Slots(settings.n_slots)
        self._client: httpx.AsyncClient | None = None
        self._line: Line | None = None
        self._answering: set[asyncio.Future[None]] = set()
        self._busy_since_s: float | None = None
        self._busy_s = 0.0

    async def start(self) -> None:
        """Wait until the server answers; see ``Engine.start``."""
        if self._client is None:
            self._state = EngineState.STARTING
            self._client = httpx.AsyncClient(
                base_url=self._settings.address.rstrip("/").removesuffix("/v1"),
                headers={"Authorization": f"Bearer {self._settings.key}"} if self._settings.key else {},
                timeout=httpx.Timeout(None, connect=5.0),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
                # A redirect would carry the key to a place nobody named.
                follow_redirects=False,
            )
            self._line = line_to(self._client, str(self._client.base_url))
            try:
                await self._await_ready()
            except BaseException:
                await self.stop()
                raise

    async def stop(self) -> None:
        """End every answer in flight, and the connections."""
        self._state = EngineState.STOPPED
        client, self._client = self._client, None
        if isinstance(self._line, HttpLine):
            self._line.hang_up()
        for ended in self._answering:
            ended.cancel()
        if client is not None:
            await client.aclose()

    def status(self) -> EngineStatus:
        """How it is now."""
        server = self._server
        return EngineStatus(
            kind=EngineKind.REMOTE,
            state=self._state,
            model_id=self._settings.model_id,
            n_slots=self._settings.n_slots,
            context_tokens=server.context_tokens if server else self._settings.context_tokens,
            n_active=self._slots.n_active,
            n_waiting=self._slots.n_waiting,
            load_s=server.load_s if server else None,
            abilities=server.abilities if server else self._settings.abilities,
        )

    def processor_s(self) -> float:
        """Seconds in which it worked for us."""
        since_s = self._busy_since_s
        return self._busy_s + (self._clock.monotonic_s() - since_s if since_s is not None else 0.0)

    def memory(self) -> EngineMemory:
        """Nothing of this machine's."""
        return EngineMemory()

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Stream one answer; see ``Engine.generate``."""
        arrived_s = self._clock.monotonic_s()
        async with self._asking() as (client, server):
            check_abilities(request, server.abilities)
            line = self._line or client
            answer = stream_answer(
                line,
                replace(request, model_id=server.name),
                engine=NAME,
                clock=self._clock,
                arrived_s=arrived_s,
                manners=server.manners,
            )
            async with contextlib.aclosing(answer):
                ends_by_itself = isinstance(line, HttpLine)
                async for event in answer if ends_by_itself else _until_stopped(answer, self._answering):
                    yield event

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """A vector for each text; see ``Engine.embed``."""
        arrived_s = self._clock.monotonic_s()
        async with self._asking() as (client, server):
            return await embed(
                client, texts, engine=NAME, model_id=server.name, clock=self._clock, arrived_s=arrived_s
            )

    async def count_tokens(self, messages: Sequence[Message], *, tools: Toolbox | None = None) -> int:
        """Tokens of the prompt that these messages make, where the server tells."""
        async with self._asking() as (client, server):
            check_sight(messages, server.abilities, model_id=self._settings.model_id)
            return await count_tokens(client, messages, tools=tools, manners=server.manners, engine=NAME)

    async def tokenize(self, text: str) -> tuple[TextToken, ...]:
        """The tokens of a text, where the server tells."""
        async with self._asking() as (client, _):
            return await tokenize(client, text, engine=NAME)

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncGenerator[tuple[httpx.AsyncClient, _Server], None]:
        """A place, and a server that answers; a failed connection is told as what it is."""
        async with self._slots.taken():
            server = await self._await_ready()
            client = self._client
            if client is None:
                raise EngineCrashed(engine=NAME, exit_code=None, tail="the engine is stopped")
            if self._busy_since_s is None:
                self._busy_since_s = self._clock.monotonic_s()
            try:
                yield client, server
            except (httpx.TransportError, EngineCrashed) as error:
                if self._state is EngineState.READY:
                    self._state = EngineState.CRASHED
                raise EngineCrashed(engine=NAME, exit_code=None, tail=type(error).__name__) from error
            except RuntimeError as error:  # how httpx says that we have closed it meanwhile
                if not client.is_closed:
                    raise
                raise EngineCrashed(engine=NAME, exit_code=None, tail="the engine is stopped") from error
            finally:
                if self._slots.n_active == 1 and self._busy_since_s is not None:
                    self._busy_s += self._clock.monotonic_s() - self._busy_since_s
                    self._busy_since_s = None

    async def _await_ready(self) -> _Server:
        """What is at the address; asks again until it answers or patience ends."""
        if self._state is EngineState.READY and self._server is not None:
            return self._server
        began_s = self._clock.monotonic_s()
        problem = "the engine is stopped"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.patience_s):
                while (client := self._client) is not None:
                    try:
                        self._server = await self._look(client, began_s=began_s)
                    except httpx.TransportError as error:
                        problem = type(error).__name__
                        await asyncio.sleep(_RETRY_S)
                        continue
                    except EngineRefused as error:
                        if error.status != httpx.codes.SERVICE_UNAVAILABLE:
                            raise
                        problem = error.problem  # it is there, and still loads its model
                        await asyncio.sleep(_RETRY_S)
                        continue
                    self._state = EngineState.READY
                    return self._server
        raise EngineCrashed(engine=NAME, exit_code=None, tail=problem)

    async def _look(self, client: httpx.AsyncClient, *, began_s: float) -> _Server:
        response = await client.get("/v1/models")
        if response.status_code != httpx.codes.OK:
            raise refusal(response.content, status=response.status_code, engine=NAME)
        cards: list[Mapping[str, Any]] = response.json()["data"]
        name = self._settings.served_name or str(cards[0]["id"])
        card = next((card for card in cards if card["id"] == name), {})
        told = (await client.get("/props")) if card.get("owned_by") == "llamacpp" else None
        props = told.json() if told is not None and told.status_code == httpx.codes.OK else None
        abilities, manners = self._settings.abilities, Manners()
        context = card.get("max_model_len") or card.get("max_context_length")
        if (card.get("capabilities") or {}).get("vision"):  # Mistral's cards say it, and ours
            abilities = replace(abilities, vision=True)
        if props is not None:
            # A slot's context, not the model's: what one conversation may hold.
            context = props["default_generation_settings"].get("n_ctx")
            embedding = self._settings.abilities.embedding
            abilities = await abilities_of(client, embedding=embedding)
            manners = replace(LLAMA_CPP, knows_tools=abilities.tools)
        return _Server(
            name=name,
            context_tokens=int(context or self._settings.context_tokens),
            manners=manners,
            abilities=abilities,
            load_s=self._clock.monotonic_s() - began_s,
        )


async def _until_stopped(
    answer: AsyncGenerator[GenerationEvent, None], answering: set[asyncio.Future[None]]
) -> AsyncGenerator[GenerationEvent, None]:
    """The events of an answer; breaks off with ``EngineCrashed`` when the engine is stopped meanwhile."""
    stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    answering.add(stopped)
    upcoming: asyncio.Future[GenerationEvent] | None = None
    try:
        while True:
            upcoming = asyncio.ensure_future(anext(answer))
            waited: set[asyncio.Future[Any]] = {upcoming, stopped}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not upcoming.done():
                raise EngineCrashed(engine=NAME, exit_code=None, tail="the engine is stopped")
            try:
                event = upcoming.result()
            except StopAsyncIteration:
                return
            yield event
    finally:
        answering.discard(stopped)
        stopped.cancel()
        if upcoming is not None and not upcoming.done():
            upcoming.cancel()
            await asyncio.wait({upcoming})
