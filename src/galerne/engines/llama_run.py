"""One life of llama.cpp's process, and how it is spoken to."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from galerne.engines.child import Child
from galerne.engines.http_line import Line
from galerne.engines.openai_body import LLAMA_CPP, Manners
from galerne.engines.protocol import Abilities
from galerne.errors import InvalidModelFile, ModelFileMissing
from galerne.models import read_gguf_header


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One life of the child: its process, the ways to ask it, how long the model took to load."""

    child: Child
    client: httpx.AsyncClient
    line: Line
    load_s: float
    abilities: Abilities

    @property
    def manners(self) -> Manners:
        """How its server differs from the common protocol."""
        return replace(LLAMA_CPP, knows_tools=self.abilities.tools)


def pools_tokens(path: Path) -> bool:
    """Whether the model makes one vector of a text: its file says how tokens are pooled."""
    try:
        metadata = read_gguf_header(path).metadata
    except (InvalidModelFile, ModelFileMissing):
        return False  # the engine says why, with more knowledge of the file
    return bool(metadata.get(f"{metadata.get('general.architecture')}.pooling_type"))


def client_of(address: str, key: str) -> httpx.AsyncClient:
    """A connection to a server of ours on loopback, with the key that it was told."""
    return httpx.AsyncClient(
        base_url=address,
        headers={"Authorization": f"Bearer {key}"},
        # An answer may take its time; a dead process closes the connection.
        timeout=httpx.Timeout(None, connect=5.0),
        # No connection is kept: one that the server closes as we reuse it would look like a crash.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        trust_env=False,
        # Plain HTTP on loopback: an empty context spares the reading of every root certificate.
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )
