"""Asks the fixed addresses of public services: in bounded time, for a bounded answer, without following.

The requests go through the transport and not the client of httpx, whose log shows whole addresses: some
services want the user's key in them.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Protocol

import httpx

from galerne.clock import Clock
from galerne.errors import NoSignal

MOST_BYTES = 2 * 2**20
WAIT_S = 10.0
TOTAL_S = 30.0
"""An answer that drips is given up after this."""
AGENT = "galerne (grid signal)"


class Fetch(Protocol):
    """Gets the body behind an address."""

    def __call__(
        self, url: str, *, zone: str, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> bytes:
        """The body.

        Raises:
            NoSignal: there is none; says why, without the parameters.
        """
        ...


class HttpFetch:
    """Gets it over the network.

    Args:
        clock: time.
        proxy: address of the proxy this computer goes out through, if any.
        transport: another way out, for tests.
    """

    def __init__(
        self, *, clock: Clock, proxy: str | None = None, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._clock = clock
        self._proxy = proxy
        self._transport = transport

    def __call__(
        self, url: str, *, zone: str, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> bytes:
        """The body of a 200 of at most 2 MiB, within half a minute."""
        host = httpx.URL(url).host

        def fail(why: str) -> NoSignal:
            return NoSignal(zone=zone, what="live signal", why=f"{host} {why}")

        request = httpx.Request(
            "GET",
            url,
            params=dict(params),
            headers={"accept-encoding": "identity", "user-agent": AGENT, **headers},
            extensions={"timeout": httpx.Timeout(WAIT_S).as_dict()},
        )
        deadline_s = self._clock.monotonic_s() + TOTAL_S
        body = bytearray()
        try:
            with self._open() as transport:
                response = transport.handle_request(request)
                try:
                    if response.status_code != httpx.codes.OK:
                        raise fail(f"answered {response.status_code}")
                    assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101  # of a sync transport
                    for part in response.stream:
                        body += part
                        if len(body) > MOST_BYTES:
                            raise fail(f"sent more than {MOST_BYTES} bytes")
                        if self._clock.monotonic_s() > deadline_s:
                            raise fail("took too long")
                finally:
                    response.close()
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            raise fail(f"cannot be reached ({type(error).__name__})") from None
        return bytes(body)

    def _open(self) -> httpx.BaseTransport:
        return self._transport or httpx.HTTPTransport(proxy=self._proxy)
