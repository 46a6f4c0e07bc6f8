"""A request sent twice with the same ``Idempotency-Key`` is answered once, and billed once.

The whole answer is kept in memory for ten minutes and given again, receipt and all. A repetition that comes
while the first is under way waits for it. What failed or was broken off is not kept: it is asked anew, and
what it had used stays billed. Nothing is kept over a restart: the ledger has no text.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from galerne.clock import Clock
from galerne.errors import InvalidRequest

HEADER = "idempotency-key"
REPLAYED = "idempotent-replayed"
KEPT_S = 600.0
MOST_ANSWER_BYTES = 1 << 20
MOST_KEPT_BYTES = 64 << 20
MOST_KEY_CHARACTERS = 255
_ENDS = (b"[DONE]", b"response.completed")
"""How a stream says that it is whole."""


@dataclass(slots=True)
class _Kept:
    """One request and what came of it.

    Attributes:
        messages: of the answer; None while it is under way.
    """

    fingerprint: bytes
    at_s: float
    done: asyncio.Event = field(default_factory=asyncio.Event)
    messages: list[Message] | None = None
    n_bytes: int = 0


class AnswersGiven:
    """Answers by the key of their request."""

    def __init__(self, app: ASGIApp, *, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or give again what was answered.

        Raises:
            InvalidRequest: the key is too long, or was used for another request.
        """
        name = Headers(scope=scope).get(HEADER) if scope["type"] == "http" else None
        if name is None or scope["method"] != "POST" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        if not 0 < len(name) <= MOST_KEY_CHARACTERS:
            problem = f"from 1 to {MOST_KEY_CHARACTERS} characters, not {len(name)}"
            raise InvalidRequest(path="Idempotency-Key", problem=problem)
        body = await _body(receive)
        caller = scope.get("state", {}).get("caller")
        owner = str(caller.payer.key_id) if caller else ""
        fingerprint = hashlib.sha256(scope["path"].encode() + b"\0" + body).digest()
        self._forget()
        key = (owner, name)
        while (known := self._kept.get(key)) is not None:
            if known.fingerprint != fingerprint:
                raise InvalidRequest(path="Idempotency-Key", problem="it was used for another request")
            await known.done.wait()
            if known.messages is not None:
                await _replay(known.messages, send)
                return
        await self._answer(key, fingerprint, scope, _given(body, receive), send)

    async def _answer(
        self, key: tuple[str, str], fingerprint: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        kept = self._kept[key] = _Kept(fingerprint, self._clock.monotonic_s())
        messages: list[Message] = []

        async def noting_send(message: Message) -> None:
            kept.n_bytes += len(message.get("body", b""))
            if kept.n_bytes <= MOST_ANSWER_BYTES:
                own = {"headers": list(message["headers"])} if "headers" in message else {}
                messages.append({**message, **own})
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
            if kept.n_bytes <= MOST_ANSWER_BYTES and _is_whole(messages):
                kept.messages = messages
        finally:
            if kept.messages is None:
                del self._kept[key]
            kept.done.set()

    def _forget(self) -> None:
        """Let go of what is old, and of the oldest where there is too much."""
        now_s = self._clock.monotonic_s()
        n_bytes = sum(kept.n_bytes for kept in self._kept.values())
        for key, kept in list(self._kept.items()):
            if kept.messages is None:
                continue
            if now_s - kept.at_s <= KEPT_S and n_bytes <= MOST_KEPT_BYTES:
                break
            n_bytes -= kept.n_bytes
            del self._kept[key]


def _is_whole(messages: list[Message]) -> bool:
    if not messages or messages[0].get("status") != 200 or messages[-1].get("more_body", False):
        return False
    kind = Headers(raw=messages[0]["headers"]).get("content-type", "")
    body = b"".join(message.get("body", b"") for message in messages[-3:])
    return not kind.startswith("text/event-stream") or any(end in body for end in _ENDS)


async def _replay(messages: list[Message], send: Send) -> None:
    for message in messages:
        again = dict(message)
        if again["type"] == "http.response.start":
            again["headers"] = list(again["headers"])
            MutableHeaders(raw=again["headers"])[REPLAYED] = "true"
        await send(again)


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    return b"".join(parts)


def _given(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever else comes: that the client leaves."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
