"""The door: who may ask, from which page, by which name, and how much.

One ASGI layer around everything the server serves, mounted pages included. It denies by default: without
a key, where one is needed, only ``/health`` answers, and what is mounted beside the routes, which protects
itself.
"""

from __future__ import annotations

import functools
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Mount, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from galerne.api.failures import failure_response
from galerne.api.idempotency import AnswersGiven
from galerne.api.keys import Doorkeeper, scope_of
from galerne.api.services import Services
from galerne.errors import Forbidden, RequestTooLarge

MAX_BODY_BYTES = 16 * 2**20
OPEN_PATHS = frozenset({"/health"})

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
"""Set on every response that does not set its own."""
_RAW_SECURITY_HEADERS = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]


class Guard:
    """Checks each request before any route sees it, and signs each response.

    Args:
        app: everything that is served.
        services: what it is served with.
        doorkeeper: knows the keys.
        router: of the application, to tell what protects itself.
        shortcut: a route that is served without passing through ``app``.
    """

    def __init__(
        self, app: ASGIApp, *, services: Services, doorkeeper: Doorkeeper, router: Router, shortcut: Route
    ) -> None:
        async def inside(scope: Scope, receive: Receive, send: Send) -> None:
            taken = scope["type"] == "http" and shortcut.matches(scope)[0] is Match.FULL
            await (shortcut.app if taken else app)(scope, receive, send)

        self._app = AnswersGiven(inside, clock=services.clock)
        self._services = services
        self._doorkeeper = doorkeeper
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":  # nothing here speaks WebSocket
                await self._app(scope, receive, send)
            return
        request_id = self._services.new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def signed_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                own = {name for name, _ in message["headers"]}
                signed = [header for header in _RAW_SECURITY_HEADERS if header[0] not in own]
                message["headers"] = [*message["headers"], *signed, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._check(scope)
            await self._app(scope, _limited(receive), signed_send)
        except ClientDisconnect:
            return  # it left while still asking
        except Exception as error:  # noqa: BLE001  # the last stop: no trace may reach a client or show a prompt
            response = failure_response(error, scope=scope, language=self._services.language)
            if not started:
                await response(scope, receive, signed_send)

    async def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        check_host(headers, self._services.allowed_hosts)
        check_origin(headers, scope["method"])
        if not self._is_open(scope):
            caller = await self._doorkeeper.admit(headers)
            method, path = scope["method"], scope["path"]
            caller.require(scope_of(method, path), what=f"{method} {path}")
            scope["state"]["caller"] = caller
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > MAX_BODY_BYTES:
            raise RequestTooLarge(limit_bytes=MAX_BODY_BYTES)

    def _is_open(self, scope: Scope) -> bool:
        if scope["path"] in OPEN_PATHS:
            return True
        served_by = next((r for r in self._router.routes if r.matches(scope)[0] is not Match.NONE), None)
        return isinstance(served_by, Mount)


def check_host(headers: Headers, allowed_hosts: tuple[str, ...]) -> None:
    """Refuse a host name that is not ours: DNS rebinding needs one, and a literal address is never one.

    Raises:
        Forbidden: naming what the server answers to.
    """
    if not _is_ours(headers.get("host", ""), allowed_hosts):
        why = f"This server does not answer to that host name, only to {', '.join(allowed_hosts)}"
        raise Forbidden(why=why)


@functools.lru_cache(maxsize=256)
def _is_ours(host: str, allowed_hosts: tuple[str, ...]) -> bool:
    name = ""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        ipaddress.ip_address(name)
    except ValueError:  # not an address, or not even a host
        return name in allowed_hosts
    return True


def check_origin(headers: Headers, method: str) -> None:
    """Refuse what a page of another site asks; following a link to a page of ours is fine.

    Raises:
        Forbidden: the page that asks was not served by this server.
    """
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != headers.get("host"):
        raise Forbidden(why="A page of another site may not ask this server")
    if headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
        follows_link = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if not follows_link:
            raise Forbidden(why="A page of another site may not ask this server")


def _limited(receive: Receive) -> Receive:
    n_bytes = 0

    async def counted() -> Message:
        nonlocal n_bytes
        message = await receive()
        n_bytes += len(message.get("body", b""))
        if n_bytes > MAX_BODY_BYTES:
            raise RequestTooLarge(limit_bytes=MAX_BODY_BYTES)
        return message

    return counted
