"""What keeps the page to itself: response headers, the same-origin rule for changes, and the key.

The daemon itself refuses host names that are not its own (DNS rebinding).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_FORM_BYTES = 1_000_000
SESSION_COOKIE = "galerne-session"

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types galerne",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not "no-referrer": with it, browsers send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class GuardedPages:
    """Adds the security headers to every response of the pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and dress the response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_guarded)


def is_same_origin(request: HTTPConnection) -> bool:
    """Whether one of our own pages sent this: browsers say so with every change."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.headers.get("host", "")


async def read_form(request: Request) -> dict[str, str] | None:
    """The fields of a plain form; ``None`` when it is too large or not text."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM_BYTES:
            return None
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict"))
    except ValueError:
        return None


class KeyDesk:
    """Lets a browser in once it has shown the key this Galerne was started with.

    Sessions are random, kept as hashes in memory and end with the daemon.

    Args:
        key: what is asked for; ``None`` lets everyone in (a loopback address).
    """

    def __init__(self, key: str | None) -> None:
        self._key = key
        self._sessions: set[str] = set()

    def admits(self, request: HTTPConnection) -> bool:
        """Whether this browser may see the pages."""
        return self._key is None or _hashed(request.cookies.get(SESSION_COOKIE, "")) in self._sessions

    def open_session(self, offered: str) -> str | None:
        """A new session if the key is right."""
        if self._key is None or not hmac.compare_digest(_hashed(offered), _hashed(self._key)):
            return None
        session = secrets.token_urlsafe(32)
        self._sessions.add(_hashed(session))
        return session


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
