"""A small server that speaks our HTTP API with a script instead of an engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

SOURCES = {
    "g_per_kwh": {"key": "rte-2025", "title": "RTE, Bilan électrique 2025", "url": "https://example.org/rte"},
    "direct_g_per_kwh": {"key": "odre", "title": "ODRÉ, éCO2mix", "url": "https://example.org/odre"},
    "l_per_kwh": {
        "key": "wri",
        "title": "WRI, Guidance for calculating water use",
        "url": "https://example.org/wri",
    },
    "eur_per_kwh": {"key": "eurostat", "title": "Eurostat nrg_pc_204", "url": "https://example.org/eurostat"},
    "pue_ratio": {"key": "galerne-home", "title": "Galerne: a machine at home", "url": ""},
    "power_w": {"key": "spec", "title": "SPECpower_ssj2008", "url": "https://example.org/spec"},
    "idle_w": {"key": "spec", "title": "SPECpower_ssj2008", "url": "https://example.org/spec"},
}


def a_fit(
    model_id: str, *, headroom_bytes: float, tokens_per_s: float, n_parameters: float
) -> dict[str, Any]:
    return {
        "model_id": model_id,
        "model_name": model_id.replace("-", " ").title(),
        "purpose": "general",
        "n_active_parameters": n_parameters,
        "format_id": "q4-k-m",
        "fits": headroom_bytes >= 0,
        "needed_bytes": 20e9 - headroom_bytes,
        "headroom_bytes": headroom_bytes,
        "tokens_per_s": tokens_per_s,
        "j_per_token": 80 / tokens_per_s,
        "error_ratio": 0.3,
        "method": "modelled",
    }


FITS = {
    "machine": "AMD EPYC, 2 cores",
    "data": [
        a_fit("ministral-3-3b", headroom_bytes=17e9, tokens_per_s=11.0, n_parameters=3.4e9),
        a_fit("ministral-3-8b", headroom_bytes=14e9, tokens_per_s=4.5, n_parameters=8.4e9),
        a_fit("mistral-large-3", headroom_bytes=-400e9, tokens_per_s=0.2, n_parameters=41e9),
    ],
}


@dataclass
class FakeApi:
    """The daemon as a client sees it.

    Attributes:
        pieces: what every answer streams.
        gate: when set, an answer waits here after ``open_pieces`` pieces.
        failure: status and body of the next answers, instead of text.
        calls: what the next answers call, one list of (tool, arguments) each, before one that only writes.
    """

    pieces: list[str] = field(default_factory=lambda: ["Hello, ", "**world**."])
    open_pieces: int | None = None
    pause_s: float = 0.0
    presence: dict[str, str] = field(
        default_factory=lambda: {"galerne-mini": "loaded", "ministral-3-3b": "installed"}
    )
    limits: list[dict[str, Any]] = field(default_factory=list)
    wished_limits: list[dict[str, Any]] = field(default_factory=list)
    asked_for: list[str | None] = field(default_factory=list)
    failure_headers: dict[str, str] = field(default_factory=dict)
    arriving: list[dict[str, Any]] = field(default_factory=list)
    reason: str = "stop"
    failure: tuple[int, dict[str, Any]] | None = None
    final_after: int = 1
    calls: list[list[tuple[str, str]]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    receipts: dict[str, dict[str, Any]] = field(default_factory=dict)
    reads: dict[str, int] = field(default_factory=dict)
    n_cancelled: int = 0
    n_active: int = 0
    power_w: list[float] = field(default_factory=lambda: [4.0] * 20)
    gate: threading.Event = field(default_factory=threading.Event)
    n_parameters: int | None = None
    context_tokens: int = 8192
    embeds: bool = False
    sees: bool = False
    serves_large: bool = False

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/v1/receipts/{receipt_id}", self._receipt),
                Route("/v1/galerne/chain", self._chain),
                Route("/v1/galerne/fit", lambda _: JSONResponse(FITS)),
                Route("/v1/usage", self._usage),
                Route("/v1/admin/usage", self._usage),
                Route("/v1/admin/limits", self._set_limit, methods=["PUT"]),
                Route("/v1/galerne/queue", self._queue),
                Route("/v1/galerne/prices", self._prices),
                Route("/v1/galerne/limits", self._limits),
                Route("/v1/galerne/engines", self._engines),
                Route("/v1/galerne/pulls", self._pulls),
                Route("/v1/admin/engines/{model_id}", self._load, methods=["PUT"]),
                Route("/v1/tokenize/count", self._count, methods=["POST"]),
                Route("/v1/embeddings", self._embed, methods=["POST"]),
                Route("/health", lambda _: JSONResponse({"status": "ok"})),
            ]
        )

    async def _models(self, _: Request) -> Response:
        mini = {
            "id": "galerne-mini",
            "object": "model",
            "name": "Galerne mini",
            "capabilities": {"function_calling": True, "vision": self.sees},
            "n_parameters": self.n_parameters,
            "max_context_length": self.context_tokens,
        }
        rows = [mini, {"id": "ministral-3-3b"}]
        if self.serves_large:
            rows.append({"id": "ministral-3-8b"})
        if self.embeds:
            able = {"completion_chat": False, "embedding": True}
            rows.append({"id": "embedder", "capabilities": able})
        return JSONResponse({"object": "list", "data": rows})

    async def _complete(self, request: Request) -> Response:
        self.asked_for.append(request.headers.get("galerne-for"))
        body = await request.json()
        self.asked.append(body)
        if self.failure:
            status, error = self.failure
            return JSONResponse({"error": error}, status_code=status, headers=self.failure_headers)
        receipt = a_receipt(f"rcpt_{len(self.asked):03}")
        self.receipts[receipt["id"]] = receipt
        return StreamingResponse(
            self._stream(body, receipt),
            media_type="text/event-stream",
            headers={"galerne-receipt": receipt["id"]},
        )

    async def _stream(self, body: dict[str, Any], receipt: dict[str, Any]) -> AsyncIterator[str]:
        model, last = body["model"], body["messages"][-1]
        self.n_active += 1
        try:
            if last.get("prefix"):  # like Mistral's, ours says the beginning again
                choice = {"index": 0, "delta": {"content": last["content"]}, "finish_reason": None}
                yield _chunk(model, choices=[choice])
            if body.get("tools") and self.calls:
                yield _chunk(model, choices=[{"index": 0, "delta": {"content": "Let me see."}}])
                yield _chunk(model, choices=[_called(self.calls.pop(0), n_asked=len(self.asked))])
                usage = {"prompt_tokens": 30, "completion_tokens": 9, "galerne": receipt}
                yield _chunk(
                    model, choices=[{"index": 0, "delta": {}, "finish_reason": "tool_calls"}], usage=usage
                )
                yield "data: [DONE]\n\n"
                return
            for n, piece in enumerate(self.pieces):
                if n == self.open_pieces:
                    while not self.gate.is_set():
                        await asyncio.sleep(0.01)
                await asyncio.sleep(self.pause_s)
                yield _chunk(
                    model, choices=[{"index": 0, "delta": {"content": piece}, "finish_reason": None}]
                )
            usage = {"prompt_tokens": 21, "completion_tokens": len(self.pieces), "galerne": receipt}
            yield _chunk(
                model, choices=[{"index": 0, "delta": {}, "finish_reason": self.reason}], usage=usage
            )
            yield "data: [DONE]\n\n"
        except asyncio.CancelledError:
            self.n_cancelled += 1
            raise
        finally:
            self.n_active -= 1

    async def _receipt(self, request: Request) -> Response:
        receipt_id = request.path_params["receipt_id"]
        if receipt_id not in self.receipts:
            return JSONResponse({"error": {"code": "unknown_receipt", "message": "no"}}, status_code=404)
        self.reads[receipt_id] = self.reads.get(receipt_id, 0) + 1
        final = self.reads[receipt_id] > self.final_after
        later = {"status": "final", "revision": 2} if final else {}
        return JSONResponse(self.receipts[receipt_id] | later | {"sources": SOURCES})

    async def _count(self, request: Request) -> Response:
        body = await request.json()
        words = sum(len(str(message["content"]).split()) for message in body["messages"])
        return JSONResponse({"model": body["model"], "count": 2 * words})

    async def _embed(self, request: Request) -> Response:
        texts = (await request.json())["input"]
        receipt = a_receipt(f"rcpt_e{len(self.receipts):02}")
        self.receipts[receipt["id"]] = receipt
        data = [{"embedding": [float("wind" in text), float(len(text))]} for text in texts]
        return JSONResponse({"data": data, "usage": {"galerne": receipt}})

    async def _usage(self, _: Request) -> Response:
        row = {"group": "galerne-mini", "n_answers": 2, "prompt_tokens": 42, "completion_tokens": 128}
        total = {"energy_j": {"active": 82.4, "full": 111.8}, "co2e_g": {"use": 0.0012, "embodied": 0.0018}}
        return JSONResponse(
            {
                "group_by": "model",
                "accounts_j": {"answers": 111.8, "idle": 300.0, "meter": 411.8},
                "metered": {"by_method_j": {"measured": 400.0, "modelled": 11.8}, "coverage_ratio": 0.9},
                "adds_up": True,
                "rows": [row | total | {"water_l": {"site": 0.0, "grid": 0.0001}, "cost_eur": 4e-6}],
            }
        )

    async def _queue(self, _: Request) -> Response:
        line = {"model": "galerne-mini", "n_slots": 4, "n_active": 4, "n_waiting": 3, "first_token_s": 12.0}
        return JSONResponse({"data": [line]})

    async def _prices(self, _: Request) -> Response:
        amounts = {f"{kind}_eur_per_million": 0.1 for kind in ("input", "cached", "output")}
        return JSONResponse({"data": [{"model": "galerne-mini", "kind": "fixed", **amounts}]})

    async def _limits(self, _: Request) -> Response:
        limit = {"subject": "key:a", "unit": "tokens", "period": "day", "limit": 1000.0, "spent": 120.0}
        row = {**limit, "held": 0.0, "remaining": 880.0, "resets_at": 1767225600.0}
        return JSONResponse({"data": [row, *self.limits]})

    async def _set_limit(self, request: Request) -> Response:
        self.wished_limits.append(await request.json())
        return JSONResponse({"data": []})

    async def _engines(self, _: Request) -> Response:
        loading = {"elapsed_s": 1.0, "progress_ratio": 0.4, "retry_after_s": 2.0}
        rows = [
            {
                "model_id": model_id,
                "presence": presence,
                "engine": "llama.cpp",
                "resident_bytes": 96e6,
                "n_active": self.n_active,
                "tokens_per_s": 30.0,
                "unload_in_s": 240.0,
                "loading": loading if presence == "loading" else None,
            }
            for model_id, presence in self.presence.items()
        ]
        return JSONResponse({"object": "list", "data": rows})

    async def _pulls(self, _: Request) -> Response:
        return JSONResponse({"data": self.arriving})

    async def _load(self, request: Request) -> Response:
        model_id = request.path_params["model_id"]
        if model_id not in self.presence:
            return JSONResponse({"error": {"code": "does_not_fit", "message": "no"}}, status_code=422)
        self.presence[model_id] = "loading"
        return JSONResponse({"error": {"code": "model_loading", "message": "soon"}}, status_code=503)

    async def _chain(self, _: Request) -> Response:
        return JSONResponse(a_chain(self))


def a_receipt(receipt_id: str = "rcpt_001") -> dict[str, Any]:
    return {
        "id": receipt_id,
        "status": "provisional",
        "revision": 1,
        "method": "modelled",
        "energy_j": {"active": 41.2, "full": 55.9},
        "facility_j": 61.0,
        "co2e_g": {"use": 0.000702, "embodied": 0.0009},
        "water_l": {"site": 0.0, "grid": 0.0000622},
        "cost_eur": 0.0000016,
        "interval_ratio": [0.5, 2.0],
        "place": {"name": "home", "pue_ratio": 1.09, "onsite_water_l_per_kwh": 0.0},
        "grid": {
            "zone": "FR",
            "g_per_kwh": 41.4,
            "l_per_kwh": 3.67,
            "eur_per_kwh": 0.0942,
            "basis": "lifecycle",
            "kind": "annual",
            "year": 2025,
            "source": "rte-2025",
        },
        "timing": {"queued_s": 0.0, "first_token_s": 0.12, "tokens_per_s": 38.0},
    }


def a_chain(api: FakeApi) -> dict[str, Any]:
    answers = list(api.receipts.values())
    answer = {"model": "galerne-mini", "prompt_tokens": 21, "completion_tokens": 64, "at": time.time()}
    busy = api.n_active > 0
    api.power_w = [*api.power_w[-59:], 12.3 if busy else 4.1]
    grid = {
        "zone": "FR",
        "zone_name": "France",
        "g_per_kwh": 41.4,
        "direct_g_per_kwh": 23.0,
        "l_per_kwh": 3.67,
    }
    return {
        "at": time.time(),
        "grid": grid
        | {"eur_per_kwh": 0.0942, "kind": "annual", "basis": "lifecycle", "year": 2025, "method": "published"}
        | {"sources": SOURCES},
        "place": {
            "name": "home",
            "pue_ratio": 1.09,
            "onsite_water_l_per_kwh": 0.0,
            "method": "published",
            "sources": SOURCES,
        },
        "machine": {
            "name": "AMD EPYC, 2 cores",
            "n_cores": 2,
            "memory_bytes": 25_000_000_000,
            "power_w": api.power_w[-1],
            "idle_w": 4.0,
            "history_w": api.power_w,
            "method": "modelled",
            "sources": SOURCES,
        },
        "engine": {
            "kind": "llama.cpp",
            "state": "ready",
            "model_id": "galerne-mini",
            "n_active": api.n_active,
            "n_slots": 4,
            "n_waiting": 0,
            "tokens_per_s": 120.0 if busy else 0.0,
            "expected_tokens_per_s": 150.0,
            "history_tokens_per_s": [0.0, 0.0, 120.0 if busy else 0.0],
            "method": "measured",
        },
        "accounts_j": {
            "answers": 41.2 * len(answers),
            "idle": 320.0,
            "loading": 60.0,
            "foreign": 25.0,
            "unattributed": 0.4,
            "meter": 405.4 + 41.2 * len(answers),
        },
        "answer": answers[-1] | answer if answers else None,
    }


def _called(calls: list[tuple[str, str]], *, n_asked: int) -> dict[str, Any]:
    pieces = [
        {"index": n, "id": f"call{n_asked:02}{n:03}", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(calls)
    ]
    return {"index": 0, "delta": {"tool_calls": pieces}, "finish_reason": None}


def _chunk(model: str, **facts: Any) -> str:
    return f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', 'model': model} | facts)}\n\n"


class _Server(uvicorn.Server):
    """Leaves at the word, where uvicorn looks ten times a second and then waits a tenth for nobody.

    Half a second in each of hundreds of tests. Answers that are still being written are waited for as ever.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._leaving.wait()

    def leave(self) -> None:
        self._loop.call_soon_threadsafe(self._leaving.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while self.server_state.connections:
                    await asyncio.sleep(0.001)
        await self.lifespan.shutdown()


@contextlib.contextmanager
def served(app: Any, *, port: int = 0) -> Iterator[str]:
    """Serve an ASGI app on a loopback port, in a thread, for as long as the block lasts."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=1)
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.001)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        if server.started:
            server.leave()
        thread.join()
        listener.close()
