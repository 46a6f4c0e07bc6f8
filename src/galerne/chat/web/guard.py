"""What keeps the page to itself: response headers, the same-origin rule for changes, and the key.

The daemon itself refuses host names that are not its own (DNS rebinding).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from galerne.errors import RequestTooLarge

LARGEST_FORM_BYTES = 4_000_000
"""The longest question and instructions that the page lets be typed, in any script, percent-encoded."""
SESSION_COOKIE = "galerne-session"

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
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


async def read_body(request: Request, *, limit_bytes: int) -> bytes:
    """The body of a request.

    Raises:
        RequestTooLarge: it has more than this.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise RequestTooLarge(limit_bytes=limit_bytes)
    return bytes(body)


async def read_form(request: Request) -> dict[str, str] | None:
    """The fields of a plain form; ``None`` when it is too large or not text."""
    try:
        body = await read_body(request, limit_bytes=LARGEST_FORM_BYTES)
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict"))
    except (RequestTooLarge, ValueError):
        return None


class PageKeys(Protocol):
    """Which keys open the pages: the daemon's own list."""

    def needs_key(self) -> bool:
        """Whether nobody may come in without one."""
        ...

    def opens_pages(self, key_hash: str) -> bool:
        """Whether the key of this SHA-256 opens the pages now."""
        ...


class OneKey:
    """A single key, or none at all on a loopback address."""

    def __init__(self, key: str | None) -> None:
        self._key_hash = None if key is None else _hashed(key)

    def needs_key(self) -> bool:
        """Whether there is a key."""
        return self._key_hash is not None

    def opens_pages(self, key_hash: str) -> bool:
        """Whether this is it."""
        return self._key_hash is not None and hmac.compare_digest(key_hash, self._key_hash)


class KeyDesk:
    """Lets a browser in once it has shown a key that opens the pages, for as long as that key does.

    Sessions are random, kept as hashes in memory and end with the daemon.
    """

    def __init__(self, keys: PageKeys) -> None:
        self._keys = keys
        self._sessions: dict[str, str] = {}  # the hash of the session, and of the key it was opened with

    def admits(self, request: HTTPConnection) -> bool:
        """Whether this browser, or this program that shows the key itself, may come in."""
        if not self._keys.needs_key():
            return True
        session = _hashed(request.cookies.get(SESSION_COOKIE, ""))
        return self._keys.opens_pages(self._sessions.get(session, _hashed(_shown_key(request))))

    def shows_key(self, request: HTTPConnection) -> bool:
        """Whether this program shows a key that opens the pages, with the request itself."""
        shown = _shown_key(request)
        return bool(shown) and self._keys.needs_key() and self._keys.opens_pages(_hashed(shown))

    def open_session(self, offered: str) -> str | None:
        """A new session if the key is right."""
        key_hash = _hashed(offered)
        if not self._keys.needs_key() or not self._keys.opens_pages(key_hash):
            return None
        session = secrets.token_urlsafe(32)
        self._sessions[_hashed(session)] = key_hash
        return session


def _shown_key(request: HTTPConnection) -> str:
    """The key a program shows with its request, as the API reads it; empty where there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
