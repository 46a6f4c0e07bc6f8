"""What the assistant needs of our own HTTP API, and nothing else: any client could do the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from galerne.chat.client.answer import AnswerEvent, AnswerReading, AnswerStart, TextPiece
from galerne.chat.client.event_lines import event_data
from galerne.chat.client.refusals import raise_for_problem
from galerne.chat.history.shown import on_the_wire
from galerne.errors import AnswerRefused, ServerUnreachable

FOR_PERSON = "galerne-for"
_CONNECT_S = 5.0
_READ_S = 600.0  # a long prompt on a slow machine is read before the first token


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeVectors:
    """Vectors of texts, in their order, and what making them cost."""

    vectors: tuple[tuple[float, ...], ...]
    receipt: Mapping[str, Any] | None


class ApiClient:
    """A connection to a Galerne daemon; use as an async context manager, again if need be.

    Args:
        base_url: such as ``http://127.0.0.1:4747``.
        key: API key, where the daemon asks for one.
        language: in which the daemon's own words are wanted.
        load_anyway: have models loaded even if they do not fit.
        person: for whom our own pages ask; only the daemon's own key may say so.
        transport: replaces the network, for tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: str | None = None,
        language: str | None = None,
        load_anyway: bool = False,
        person: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._key = key
        self.base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        if language:
            self._headers["Accept-Language"] = language
        if load_anyway:
            self._headers["galerne-load"] = "anyway"
        if person:
            self._headers[FOR_PERSON] = person
        self._transport = transport
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        self._http = httpx.AsyncClient(
            base_url=self.base_url,
            headers=self._headers,
            transport=self._transport,
            timeout=httpx.Timeout(_READ_S, connect=_CONNECT_S),
            limits=httpx.Limits(max_connections=None),
            trust_env=False,  # a proxy of the environment has no business between us and our own daemon
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.aclose()
        self._http = None

    def on_behalf_of(self, person: str) -> ApiClient:
        """A connection of its own that asks for a person: booked on them, with a member's rights."""
        return ApiClient(self.base_url, key=self._key, person=person, transport=self._transport)

    async def models(self) -> list[dict[str, Any]]:
        """The models of this server, the default one first."""
        data: list[dict[str, Any]] = (await self._get("/v1/models"))["data"]
        return data

    async def receipt(self, receipt_id: str) -> dict[str, Any]:
        """The latest revision of a receipt, with its sources."""
        return await self._get(f"/v1/receipts/{receipt_id}")

    async def chain(self) -> dict[str, Any]:
        """The whole chain at this moment, from the grid to the last answer."""
        return await self._get("/v1/galerne/chain")

    async def usage(self, *, group_by: str = "model", since: str | None = None) -> dict[str, Any]:
        """What was used so far, or since a day."""
        begin = f"&since={since}" if since else ""
        return await self._get(f"/v1/usage?group_by={group_by}{begin}")

    async def queue(self) -> dict[str, Any]:
        """Who waits for the engines."""
        return await self._get("/v1/galerne/queue")

    async def usage_by_owner(self, *, since: str) -> dict[str, Any]:
        """What every owner used since a day; an administrator's to see."""
        return await self._get(f"/v1/admin/usage?group_by=owner&since={since}")

    async def set_limit(self, subject: str, *, unit: str, period: str, limit: float | None) -> None:
        """Set a limit, or remove it with ``None``; an administrator's to do."""
        wish = {"subject": subject, "unit": unit, "period": period, "limit": limit}
        await self._send_json("PUT", "/v1/admin/limits", wish)

    async def limits(self) -> list[dict[str, Any]]:
        """Limits, and what was used of them."""
        data: list[dict[str, Any]] = (await self._get("/v1/galerne/limits"))["data"]
        return data

    async def prices(self) -> dict[str, Any]:
        """What a million tokens costs, and others' list beside it."""
        return await self._get("/v1/galerne/prices")

    async def fits(self) -> dict[str, Any]:
        """Which models fit on the machine of this server."""
        return await self._get("/v1/galerne/fit")

    async def engines(self) -> list[dict[str, Any]]:
        """Every model of this server and its life in memory."""
        data: list[dict[str, Any]] = (await self._get("/v1/galerne/engines"))["data"]
        return data

    async def pulls(self) -> list[dict[str, Any]]:
        """Model files that are arriving; none where the server does not say."""
        try:
            data: list[dict[str, Any]] = (await self._get("/v1/galerne/pulls"))["data"]
        except AnswerRefused:
            return []
        return data

    async def load(self, model: str) -> None:
        """Have a model loaded, without waiting for it.

        Raises:
            AnswerRefused: ``model_loading`` while it loads; else it cannot be.
        """
        response = await self._connection().put(f"/v1/admin/engines/{model}", json={"wait_s": 0})
        await raise_for_problem(response)

    async def count_tokens(self, messages: Sequence[Mapping[str, Any]], *, model: str) -> int:
        """How many tokens a conversation has, with the model's template around it, its images included."""
        counted = await self._post("/v1/tokenize/count", {"model": model, "messages": on_the_wire(messages)})
        return int(counted["count"])

    async def embed(self, texts: Sequence[str], *, model: str) -> MadeVectors:
        """A vector for each text."""
        made = await self._post("/v1/embeddings", {"model": model, "input": list(texts)})
        vectors = (tuple(map(float, entry["embedding"])) for entry in made["data"])
        return MadeVectors(vectors=tuple(vectors), receipt=made.get("usage", {}).get("galerne"))

    async def site(self, what: str, scenario: str, **query: Any) -> httpx.Response:
        """Ask the planner of data centres.

        Args:
            what: ``plan``, ``report``, ``scenario``, ``compare`` or ``configurations``.
            scenario: in TOML.
            **query: as its routes take it; ``None`` is left out.

        Raises:
            AnswerRefused: the scenario is at fault, or nothing meets its objective.
            ServerUnreachable: nobody answers.
        """
        wanted = {name: value for name, value in query.items() if value is not None}
        try:
            response = await self._connection().post(
                f"/v1/site/{what}", params=wanted, content=scenario.encode()
            )
            await raise_for_problem(response)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        return response

    async def site_choices(self, *, language: str) -> dict[str, Any]:
        """What a scenario may name."""
        return await self._get(f"/v1/site/choices?language={language}")

    async def site_cases(self) -> list[dict[str, Any]]:
        """The worked cases, scenarios to start from."""
        data: list[dict[str, Any]] = (await self._get("/v1/site/cases"))["data"]
        return data

    async def answer(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        model: str | None,
        temperature: float | None = None,
        max_new_tokens: int | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        answer_format: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[AnswerEvent]:
        """Ask, and yield the answer as it is written; ``AnswerStart`` is first, ``AnswerEnd`` last.

        Args:
            messages: the conversation; a last one of the assistant with ``prefix`` is gone on with.
            model: its id; ``None`` takes the first of the server.
            temperature: of the draw; ``None`` leaves it to the model.
            max_new_tokens: longest answer; ``None`` leaves it to the server.
            tools: what the model may call, as the API takes them.
            answer_format: a ``response_format`` that the answer keeps to.

        Raises:
            AnswerRefused: the API refused, before or while answering.
            ServerUnreachable: nobody answers, or the connection broke.
        """
        chosen: dict[str, Any] = {
            "temperature": temperature,
            "max_tokens": max_new_tokens,
            "tools": list(tools) or None,
            "response_format": answer_format,
        }
        body: dict[str, Any] = {
            "model": model or (await self.models())[0]["id"],
            "messages": on_the_wire(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            **{name: value for name, value in chosen.items() if value is not None},
        }
        beginning = str(messages[-1]["content"]) if messages[-1].get("prefix") else ""
        reading = AnswerReading(beginning=beginning, model_id=str(body["model"]))
        try:
            async with self._connection().stream("POST", "/v1/chat/completions", json=body) as response:
                await raise_for_problem(response)
                yield AnswerStart(receipt_id=response.headers.get("galerne-receipt"))
                async for chunk in event_data(response):
                    if text := reading.text_of(chunk):
                        yield TextPiece(text=text)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        for call in reading.calls():
            yield call
        yield reading.end

    async def send(self, method: str, path: str, **facts: Any) -> httpx.Response:
        """Ask one of the pages' own routes, as one of them would.

        Raises:
            AnswerRefused: it refused.
            ServerUnreachable: nobody answers.
        """
        async with self.stream(method, path, **facts) as response:
            await response.aread()
        return response

    @asynccontextmanager
    async def stream(self, method: str, path: str, **facts: Any) -> AsyncIterator[httpx.Response]:
        """The same, read as it comes."""
        headers = {"accept": "application/json", "origin": self.base_url}
        try:
            async with self._connection().stream(method, path, headers=headers, **facts) as response:
                await raise_for_problem(response)
                yield response
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    async def _get(self, path: str) -> dict[str, Any]:
        try:
            response = await self._connection().get(path, timeout=30.0)
            await raise_for_problem(response)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        document: dict[str, Any] = response.json()
        return document

    async def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return await self._send_json("POST", path, body)

    async def _send_json(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            response = await self._connection().request(method, path, json=body)
            await raise_for_problem(response)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        document: dict[str, Any] = response.json()
        return document

    def _connection(self) -> httpx.AsyncClient:
        if self._http is None:
            raise RuntimeError("ApiClient is used outside its `async with`")
        return self._http

    def _unreachable(self, error: httpx.HTTPError) -> ServerUnreachable:
        return ServerUnreachable(address=self.base_url, problem=type(error).__name__)
