import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from galerne.engines import EngineState, LlamaEngine, LlamaSettings, default_threads
from galerne.errors import EngineCrashed, EngineMissing, InvalidModelFile, ModelFileMissing
from galerne.generation import GenerationRequest, Message, Role, Sampling, TokenChunk
from tests.models.gguf_bytes import tiny_gguf

pytestmark = pytest.mark.anyio
QUESTION = GenerationRequest(
    request_id="r",
    model_id="tiny",
    messages=(Message(role=Role.USER, content="héé"),),
    sampling=Sampling(temperature=0.0, max_new_tokens=4),
)
PARENT = """
import asyncio, sys
from pathlib import Path
from galerne.engines import LlamaEngine, LlamaSettings

async def main():
    engine = LlamaEngine(LlamaSettings(model_id="tiny", model_path=Path(sys.argv[1]), context_tokens=256))
    await engine.start()
    print(engine.status().process_id, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf())
    return path


def engine_for(model: Path, **changes: object) -> LlamaEngine:
    given = {"n_slots": 2, "n_threads": 1, "grace_s": 0.5, **changes}
    return LlamaEngine(LlamaSettings(model_id="tiny", model_path=model, context_tokens=256, **given))  # type: ignore[arg-type]


@asynccontextmanager
async def running(engine: LlamaEngine) -> AsyncIterator[LlamaEngine]:
    try:
        await engine.start()
        yield engine
    finally:
        await engine.stop()


async def text_of(engine: LlamaEngine) -> str:
    events = [event async for event in engine.generate(QUESTION)]
    return "".join(event.text for event in events if isinstance(event, TokenChunk))


def address_of(process_id: int) -> str:
    listening = [
        c for c in psutil.Process(process_id).net_connections("tcp") if c.status == psutil.CONN_LISTEN
    ]
    assert [c.laddr.ip for c in listening] == ["127.0.0.1"]
    return f"http://127.0.0.1:{listening[0].laddr.port}"


async def test_no_orphan_when_the_parent_is_killed(model):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(model)], stdout=subprocess.PIPE)
    with parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, alive = psutil.wait_procs([child], timeout=30)
    assert (len(gone), alive) == (1, [])


async def test_a_stopped_process_does_not_hang_stop_nor_its_readers(model):
    engine = engine_for(model)
    async with running(engine):
        process_id = engine.status().process_id
        os.kill(process_id, signal.SIGSTOP)
        reader = asyncio.create_task(text_of(engine))
        await asyncio.sleep(0.05)
        await engine.stop()
        with pytest.raises(EngineCrashed):
            await reader
    assert not psutil.pid_exists(process_id)


async def test_the_process_answers_only_to_its_key_and_the_key_is_nowhere_to_be_seen(model, monkeypatch):
    monkeypatch.setattr(secrets, "token_urlsafe", lambda n_bytes: "k" * n_bytes)
    async with running(engine_for(model)) as engine:
        process = psutil.Process(engine.status().process_id)
        assert not any("kkkk" in word for word in [*process.cmdline(), *process.environ().values()])
        address = address_of(process.pid)
        body = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1}
        async with httpx.AsyncClient(base_url=address, trust_env=False) as stranger:
            for path in ("/v1/models", "/props", "/slots", "/metrics", "/lora-adapters", "/tokenize"):
                assert (await stranger.get(path)).status_code in {401, 404}
            for path in ("/v1/chat/completions", "/completion", "/tokenize", "/apply-template", "/props"):
                assert (await stranger.post(path, json=body)).status_code == 401
            foreign = await stranger.options("/v1/models", headers={"Origin": "http://elsewhere"})
            assert foreign.headers.get("access-control-allow-origin", "") == ""
            assert foreign.headers.get("access-control-allow-credentials", "false") == "false"
            stranger.headers["Authorization"] = f"Bearer {'k' * 32}"
            assert (await stranger.get("/v1/models")).status_code == 200
            for path in ("/slots", "/metrics"):
                assert (await stranger.get(path)).status_code == 501
            assert (await stranger.post("/props", json={})).status_code == 501


async def test_nothing_of_a_prompt_reaches_the_error_stream(model):
    async with running(engine_for(model)) as engine:
        await text_of(engine)
        os.kill(engine.status().process_id, signal.SIGSTOP)
        reader = asyncio.create_task(text_of(engine))
        await asyncio.sleep(0.05)
        os.kill(engine.status().process_id, signal.SIGKILL)
        with pytest.raises(EngineCrashed) as caught:
            await reader
        assert caught.value.exit_code == -signal.SIGKILL
        assert "héé" not in caught.value.tail


async def test_an_engine_that_cannot_come_back_says_so_and_keeps_trying(model):
    async with running(engine_for(model, patience_s=0.3)) as engine:
        hidden = model.rename(model.with_suffix(".away"))
        os.kill(engine.status().process_id, signal.SIGKILL)
        with pytest.raises(EngineCrashed):
            await text_of(engine)
        while engine.status().state is EngineState.READY:
            await asyncio.sleep(0.01)
        hidden.rename(model)
        while engine.status().state is EngineState.CRASHED:
            await asyncio.sleep(0.01)
        assert await text_of(engine)


async def test_a_process_that_no_longer_answers_is_replaced(model):
    async with running(engine_for(model, heartbeat_s=0.2, grace_s=0.2)) as engine:
        os.kill(engine.status().process_id, signal.SIGSTOP)
        with pytest.raises(EngineCrashed):
            await text_of(engine)
        assert await text_of(engine)


async def test_stopping_while_starting_ends_both(model):
    engine = engine_for(model)
    others = set(psutil.Process().children())
    starting = asyncio.create_task(engine.start())
    await asyncio.sleep(0)
    assert engine.status().state is EngineState.STARTING
    await engine.stop()
    with pytest.raises(EngineCrashed):
        await starting
    assert engine.status().state is EngineState.STOPPED
    assert set(psutil.Process().children()) <= others


async def test_a_missing_file_is_named_before_anything_starts(tmp_path):
    with pytest.raises(ModelFileMissing):
        await engine_for(tmp_path / "absent.gguf").start()


async def test_a_file_the_engine_cannot_load_is_refused_with_its_reason(model):
    model.write_bytes(tiny_gguf(**{"general.architecture": "unheard-of"}))
    engine = engine_for(model)
    with pytest.raises(InvalidModelFile) as caught:
        await engine.start()
    assert "unheard-of" in caught.value.problem
    assert engine.status().state is EngineState.STOPPED
    await engine.stop()


async def test_a_machine_without_the_engine_is_told_how_to_get_it(model, tmp_path, monkeypatch):
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('no wheel for this processor')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    engine = engine_for(model)
    with pytest.raises(EngineMissing) as caught:
        await engine.start()
    assert "pip install xllamacpp" in str(caught.value)
    await engine.stop()


def test_a_large_model_has_a_thread_per_core_and_a_small_one_a_single_thread():
    assert 1 <= default_threads(8_000_000_000) <= (os.cpu_count() or 1)
    assert default_threads(14_000_000) == 1
