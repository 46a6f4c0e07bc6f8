"""Images through the real engine: a model and eyes of random weights, made here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from galerne.engines import LlamaEngine, LlamaSettings, RemoteEngine, RemoteSettings
from galerne.errors import AbilityMissing, ContextTooLong, ImageRefused
from galerne.generation import (
    Finished,
    GenerationRequest,
    Message,
    PromptRead,
    Role,
    Sampling,
    TokenChunk,
)
from galerne.images import Image, read_image
from tests.engines.llama_server import LlamaServer
from tests.models.gguf_bytes import tiny_gguf, tiny_projector
from tests.pictures import GIF, png

pytestmark = pytest.mark.anyio
CONTEXT_TOKENS = 512


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeing")
    (folder / "tiny.gguf").write_bytes(tiny_gguf(context_tokens=CONTEXT_TOKENS))
    (folder / "mmproj-tiny.gguf").write_bytes(tiny_projector())
    return folder


@pytest.fixture(scope="module")
async def engine(folder: Path) -> AsyncIterator[LlamaEngine]:
    engine = LlamaEngine(
        LlamaSettings(
            model_id="m",
            model_path=folder / "tiny.gguf",
            projector_path=folder / "mmproj-tiny.gguf",
            context_tokens=CONTEXT_TOKENS,
            n_slots=2,
        )
    )
    await engine.start()
    yield engine
    await engine.stop()


def picture(*, seed: int = 1, at: int = 0, width: int = 64, height: int = 64) -> Image:
    return read_image(png(width, height, seed=seed), path="p", at=at)


def ask(*images: Image, text: str = "Que vois-tu ?", new_tokens: int = 6) -> GenerationRequest:
    sampling = Sampling(temperature=0.0, max_new_tokens=new_tokens)
    messages = (Message(role=Role.USER, content=text, images=images),)
    return GenerationRequest(request_id="r", model_id="m", messages=messages, sampling=sampling)


async def read(engine: LlamaEngine | RemoteEngine, request: GenerationRequest) -> tuple[str, Finished]:
    events = [event async for event in engine.generate(request)]
    first, end = events[0], events[-1]
    assert isinstance(end, Finished)
    assert isinstance(first, PromptRead)
    assert first.prompt_tokens == end.usage.prompt_tokens
    return "".join(event.text for event in events if isinstance(event, TokenChunk)), end


async def test_an_image_is_seen_and_its_tokens_are_counted(engine):
    assert engine.status().abilities.vision
    blind, without = await read(engine, ask())
    seen, end = await read(engine, ask(picture()))
    other, _ = await read(engine, ask(picture(seed=2)))
    assert len({blind, seen, other}) == 3  # what it sees changes what it says
    # 64 x 64 pixels are 4 x 4 tiles of 16, with an end of line after each but the last row.
    assert end.usage.prompt_tokens - without.usage.prompt_tokens >= 16
    assert await engine.count_tokens(ask(picture()).messages) == end.usage.prompt_tokens


async def test_the_same_image_costs_nothing_twice_and_another_does(engine):
    await read(engine, ask(picture(seed=5)))
    _, again = await read(engine, ask(picture(seed=5)))
    assert again.usage.cached_tokens >= 16
    _, other = await read(engine, ask(picture(seed=6)))
    assert other.usage.cached_tokens < 16


async def test_the_place_of_an_image_in_the_text_matters(engine):
    before, _ = await read(engine, ask(picture(at=0)))
    after, _ = await read(engine, ask(picture(at=len("Que vois-tu ?"))))
    assert before != after
    _, two = await read(engine, ask(picture(at=3), picture(seed=2, at=3)))
    _, one = await read(engine, ask(picture(at=3)))
    assert two.usage.prompt_tokens >= one.usage.prompt_tokens + 16


async def test_answers_with_and_without_images_run_side_by_side_and_stay_themselves(engine):
    requests = [ask(picture(), new_tokens=24), ask(new_tokens=24), ask(picture(seed=2), new_tokens=24)]
    alone = [(await read(engine, request))[0] for request in requests]
    together = await asyncio.gather(*(read(engine, request) for request in requests))
    assert [text for text, _ in together] == alone


async def test_a_gif_is_read_and_a_cut_file_is_refused(engine):
    await read(engine, ask(read_image(GIF, path="p")))
    whole = png(64, 64)
    with pytest.raises(ImageRefused, match="damaged"):
        await read(engine, ask(read_image(whole[: len(whole) // 2], path="p")))
    with pytest.raises(ImageRefused):
        await engine.count_tokens(ask(read_image(whole[:200], path="p")).messages)
    await read(engine, ask(picture()))  # and it lives


async def test_an_image_that_fills_the_context_is_refused_with_the_two_numbers(engine):
    with pytest.raises(ContextTooLong) as caught:
        await read(engine, ask(picture(width=900, height=900)))
    assert caught.value.prompt_tokens > caught.value.context_tokens == CONTEXT_TOKENS


async def test_a_model_without_eyes_says_so(folder):
    settings = LlamaSettings(
        model_id="m", model_path=folder / "tiny.gguf", context_tokens=CONTEXT_TOKENS, n_slots=1
    )
    engine = LlamaEngine(settings)
    await engine.start()
    try:
        assert not engine.status().abilities.vision
        with pytest.raises(AbilityMissing, match="Image input is not enabled for this model"):
            await read(engine, ask(picture()))
        with pytest.raises(AbilityMissing):
            await engine.count_tokens(ask(picture()).messages)
    finally:
        await engine.stop()


async def test_eyes_that_the_engine_cannot_read_do_not_make_the_model_dumb(folder, tmp_path, caplog):
    eyes = tmp_path / "mmproj.gguf"
    eyes.write_bytes(tiny_projector(kind="unheard-of"))
    settings = LlamaSettings(
        model_id="m",
        model_path=folder / "tiny.gguf",
        projector_path=eyes,
        context_tokens=CONTEXT_TOKENS,
        n_slots=1,
    )
    engine = LlamaEngine(settings)
    await engine.start()
    try:
        assert not engine.status().abilities.vision
        assert "m runs without eyes" in caplog.text
        await read(engine, ask())
    finally:
        await engine.stop()


async def test_a_server_elsewhere_is_shown_the_image(folder):
    server = LlamaServer(
        folder / "tiny.gguf", context_tokens=CONTEXT_TOKENS, projector_path=str(folder / "mmproj-tiny.gguf")
    )
    engine = RemoteEngine(RemoteSettings(model_id="m", address=server.address, key=server.key))
    try:
        await engine.start()
        assert engine.status().abilities.vision
        _, blind = await read(engine, ask())
        _, end = await read(engine, ask(picture()))
        assert end.usage.prompt_tokens - blind.usage.prompt_tokens >= 16
    finally:
        await engine.stop()
        server.close()
