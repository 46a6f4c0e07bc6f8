"""The one way to fetch an address that a model or a person names: guarded against reaching inside.

The name is resolved here, every address it has must be public, and the connection goes to the address that
was checked, so that a second answer of the name server changes nothing. Redirects are checked like the first
address. Size and time are bounded.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urljoin, urlsplit

import httpx

from galerne.errors import AddressRefused
from galerne.images import MOST_BYTES

LARGEST_BYTES = 2_000_000
_PAGES = "text/*, application/json"
_IMAGES = "image/png, image/jpeg, image/gif, image/webp"
_MOST_REDIRECTS = 5
_WHOLE_S = 20.0
_REDIRECTS = {301, 302, 303, 307, 308}
_PORTS = {80, 443}

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """What came back.

    Attributes:
        url: of the last redirect.
        kind: media type.
        cut: there was more than was to be read.
    """

    url: str
    status: int
    kind: str
    body: bytes
    cut: bool


async def fetch_image(
    url: str, *, resolve: Resolve | None = None, transport: httpx.AsyncBaseTransport | None = None
) -> bytes:
    """Fetch a public image; what came back is looked at by whoever asked.

    Raises:
        AddressRefused: as ``fetch``, or the server gives none.
    """
    reply = await fetch(url, most_bytes=MOST_BYTES, accept=_IMAGES, resolve=resolve, transport=transport)
    if reply.status != httpx.codes.OK or reply.cut:
        problem = f"it has more than {MOST_BYTES} bytes" if reply.cut else f"status {reply.status}"
        raise AddressRefused(host=_host_of(url), problem=problem)
    return reply.body


async def fetch(
    url: str,
    *,
    most_bytes: int = LARGEST_BYTES,
    accept: str = _PAGES,
    resolve: Resolve | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Fetched:
    """Fetch a public page.

    Args:
        url: http or https, on their own ports.
        most_bytes: read of it.
        accept: the kinds of content asked for.
        resolve: replaces the name service, for tests.
        transport: replaces the network, for tests.

    Raises:
        AddressRefused: the address, or one it leads to, is not public, or does not answer in time.
    """
    host = _host_of(url)
    try:
        async with (
            asyncio.timeout(_WHOLE_S),
            httpx.AsyncClient(transport=transport, trust_env=False, timeout=_WHOLE_S) as client,
        ):
            for _ in range(_MOST_REDIRECTS + 1):
                host = _host_of(url)
                asked = await _checked(url, resolve=resolve or _resolve)
                reply = await _one(client, url, asked, accept=accept, most_bytes=most_bytes)
                if isinstance(reply, Fetched):
                    return reply
                url = reply
    except TimeoutError:
        raise AddressRefused(host=host, problem=f"no whole reply within {_WHOLE_S:g} s") from None
    except httpx.HTTPError as error:
        raise AddressRefused(host=host, problem=type(error).__name__) from None
    raise AddressRefused(host=host, problem=f"more than {_MOST_REDIRECTS} redirects")


async def _one(
    client: httpx.AsyncClient, url: str, asked: tuple[str, int, httpx.URL], *, accept: str, most_bytes: int
) -> Fetched | str:
    """The reply of one address that was checked, or where it leads."""
    host, port, target = asked
    request = client.build_request(
        "GET",
        target,
        headers={"host": host if port in _PORTS else f"{host}:{port}", "accept": accept},
        extensions={"sni_hostname": host},
    )
    response = await client.send(request, stream=True)
    try:
        if response.status_code in _REDIRECTS and "location" in response.headers:
            return urljoin(url, response.headers["location"])
        body, cut = await _bounded(response, most_bytes=most_bytes)
    finally:
        await response.aclose()
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(url=url, status=response.status_code, kind=kind, body=body, cut=cut)


async def _bounded(response: httpx.Response, *, most_bytes: int) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > most_bytes:
            return bytes(body[:most_bytes]), True
    return bytes(body), False


async def _checked(url: str, *, resolve: Resolve) -> tuple[str, int, httpx.URL]:
    """Host and port of an address, and the same address with a number that may be reached."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise AddressRefused(host=url[:80], problem="not an address") from None
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
        raise AddressRefused(host=host or url[:80], problem="only plain http and https addresses are")
    if port not in _PORTS:
        raise AddressRefused(host=host, problem=f"port {port}; only 80 and 443 are")
    try:
        found = [ipaddress.ip_address(text.partition("%")[0]) for text in await resolve(host, port)]
    except ValueError:
        raise AddressRefused(host=host, problem="the name service says nothing sensible") from None
    if not found:
        raise AddressRefused(host=host, problem="the name is not known")
    if hidden := next((address for address in found if not _is_public(address)), None):
        raise AddressRefused(host=host, problem=f"it leads to {hidden}, which is not public")
    number = f"[{found[0]}]" if found[0].version == 6 else str(found[0])
    return host, port, httpx.URL(parts._replace(netloc=f"{number}:{port}").geturl())


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or url[:80]
    except ValueError:
        return url[:80]


def _is_public(address: IpAddress) -> bool:
    """Whether an address is of the public Internet, whatever it is wrapped in."""
    if isinstance(address, ipaddress.IPv6Address):
        if inner := address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1]):
            return _is_public(inner)
        if address in ipaddress.ip_network("64:ff9b::/96"):  # NAT64 carries an IPv4 address in its end
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast


async def _resolve(host: str, port: int) -> Sequence[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(str(entry[4][0]) for entry in found)
