"""The whole API over a simulated engine and a real ledger, in a process that may be killed at any moment."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import uvicorn

from galerne.api import Services, create_app
from galerne.clock import SystemClock
from galerne.engines import SimulatedEngine
from tests.fleet.stand import CATALOG, open_stand

STEP_S = 0.002
N_SLOTS = 4


def serve(listening: socket.socket, ledger_url: str) -> None:
    """Serve until killed. The socket listens already, so that nobody has to wait for a port."""
    asyncio.run(_serve(listening, ledger_url))


async def _serve(listening: socket.socket, ledger_url: str) -> None:
    clock = SystemClock()
    engine = SimulatedEngine(
        model_id="mini",
        prefill_s=lambda *_: STEP_S,
        decode_step_s=lambda *_: STEP_S,
        text_for=lambda _: "Le vent du nord-ouest passe. " * 3,
        context_tokens=4096,
        n_slots=N_SLOTS,
        clock=clock,
    )
    async with open_stand(Path(), clock=clock, engine=engine, ledger_url=ledger_url) as stand:
        services = Services(
            gateway=stand.gateway, ledger=stand.ledger, catalog=CATALOG, version="0", clock=clock
        )
        server = uvicorn.Server(uvicorn.Config(create_app(services), log_level="warning", lifespan="off"))
        await server.serve(sockets=[listening])
