"""What a real engine makes of shapes: JSON, tools, thoughts, log probabilities, the middle, vectors."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from galerne.engines import Engine, LlamaEngine, LlamaSettings, RemoteEngine, RemoteSettings
from galerne.errors import AbilityMissing, ContextTooLong
from galerne.generation import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    JsonAnswer,
    Message,
    RawText,
    Role,
    Sampling,
    TokenChunk,
    Tool,
    Toolbox,
    ToolCall,
    ToolUse,
)
from galerne.models import builtin_model_path
from tests.engines.llama_server import LlamaServer
from tests.models.gguf_bytes import saying_gguf, tiny_gguf

pytestmark = pytest.mark.anyio
WEATHER = {
    "type": "object",
    "properties": {"snow": {"type": "boolean"}, "day": {"enum": ["today", "tomorrow"]}},
    "required": ["snow", "day"],
    "additionalProperties": False,
}
TOOLS = (
    Tool(name="weather", description="The weather.", parameters=WEATHER),
    Tool(name="time", description="", parameters={"type": "object", "properties": {}}),
)
WITH_TOOLS = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}"
    "{% if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}"
    "[INST]{{ m.content }}[/INST]?{% elif m.role == 'assistant' %}{{ m.content }}"
    "{% if m.tool_calls %}{% for call in m.tool_calls %}[TOOL_CALLS]{{ call.function.name }}[ARGS]"
    "{{ call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}"
    "{% endfor %}{% endif %}{{ eos_token }}{% elif m.role == 'tool' %}"
    "[TOOL_RESULTS]{{ m.content }}[/TOOL_RESULTS]?{% else %}[SYSTEM_PROMPT]{{ m.content }}[/SYSTEM_PROMPT]"
    "{% endif %}{% endfor %}"
)
WITH_THOUGHTS = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}"
    "{% if m.reasoning_content %}[THINK]{{ m.reasoning_content }}[/THINK]{% endif %}"
    "{{ m.content }}{{ eos_token }}{% else %}[INST]{{ m.content }}[/INST]{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}?{% endif %}"
)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", params=["llama.cpp", "remote"])
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Opens an engine over given bytes of a model, or over the built-in one."""
    folder = tmp_path_factory.mktemp("models")

    @asynccontextmanager
    async def opened(content: bytes | None = None) -> AsyncIterator[Engine]:
        path = builtin_model_path()
        if content is not None:
            path = folder / f"{hash(content)}.gguf"
            path.write_bytes(content)
        if request.param == "llama.cpp":
            engine: Engine = LlamaEngine(
                LlamaSettings(model_id="m", model_path=Path(path), context_tokens=2048, n_slots=2)
            )
            server = None
        else:
            server = LlamaServer(path, context_tokens=2048)
            engine = RemoteEngine(RemoteSettings(model_id="m", address=server.address, key=server.key))
        try:
            await engine.start()
            yield engine
        finally:
            await engine.stop()
            if server is not None:
                server.close()

    return opened


def ask(**changes: Any) -> GenerationRequest:
    given = {
        "messages": (Message(role=Role.USER, content="Bonjour"),),
        "sampling": Sampling(temperature=0.0, max_new_tokens=200),
        **changes,
    }
    return GenerationRequest(request_id="r", model_id="m", **given)


async def read(engine: Engine, request: GenerationRequest) -> tuple[str, list[GenerationEvent]]:
    events = [event async for event in engine.generate(request)]
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.usage.new_tokens == sum(e.n_tokens for e in events if isinstance(e, TokenChunk))
    return "".join(e.text for e in events if isinstance(e, TokenChunk) and not e.thinking), events


async def test_json_is_what_its_schema_says_whatever_the_model_thinks(make):
    async with make() as engine:
        for seed in range(5):
            hot = Sampling(temperature=1.5, seed=seed, max_new_tokens=300)
            text, events = await read(engine, ask(sampling=hot, json=JsonAnswer(schema=WEATHER)))
            if events[-1].reason is FinishReason.STOP:
                jsonschema.validate(json.loads(text), WEATHER)
            else:
                assert events[-1].usage.new_tokens == 300


async def test_a_json_object_begins_as_one(make):
    async with make() as engine:
        text, _ = await read(engine, ask(json=JsonAnswer()))
    assert text.lstrip().startswith("{")


async def test_a_model_without_words_for_tools_still_makes_the_calls_it_must(make):
    async with make() as engine:
        box = Toolbox(tools=TOOLS, use=ToolUse.REQUIRED, only="weather")
        text, (_, *_, call, end) = await read(engine, ask(tools=box))
        assert (text, end.reason) == ("", FinishReason.TOOL_CALLS)
        assert isinstance(call, ToolCall)
        assert call.name == "weather"
        jsonschema.validate(json.loads(call.arguments), WEATHER)
        asked = ToolCall(name="weather", arguments="{}", call_id="a")
        told = Message(role=Role.ASSISTANT, content="", tool_calls=(asked,))
        result = Message(role=Role.TOOL, content="soleil", tool_call_id="a")
        text, _ = await read(engine, ask(messages=(*ask().messages, told, result)))
        assert text
        with pytest.raises(AbilityMissing, match="Function calling"):
            await read(engine, ask(tools=Toolbox(tools=TOOLS)))
        assert not engine.status().abilities.tools


async def test_a_model_with_words_for_tools_calls_them_by_itself_and_when_it_must(make):
    pieces = ["[TOOL_CALLS]", "weather", "[ARGS]", '{"snow":', "true,", '"day":"today"}']
    model = saying_gguf(pieces, context_tokens=4096, **{"tokenizer.chat_template": WITH_TOOLS})
    async with make(model) as engine:
        assert engine.status().abilities.tools
        free = Toolbox(tools=TOOLS, parallel=False)
        _, events = await read(engine, ask(tools=free))
        calls = [event for event in events if isinstance(event, ToolCall)]
        assert [(c.name, json.loads(c.arguments)) for c in calls] == [
            ("weather", {"snow": True, "day": "today"})
        ]
        assert events[-1].reason is FinishReason.TOOL_CALLS
        forced = Toolbox(tools=TOOLS, use=ToolUse.REQUIRED, only="weather")
        _, events = await read(engine, ask(tools=forced))
        assert [event.name for event in events if isinstance(event, ToolCall)] == ["weather"]
        with_tools = await engine.count_tokens(ask().messages, tools=free)
        assert with_tools > await engine.count_tokens(ask().messages)


async def test_thoughts_come_apart_from_the_answer(make):
    pieces = ["[THINK]", "le vent", " tourne", "[/THINK]", "galerne"]
    async with make(saying_gguf(pieces, **{"tokenizer.chat_template": WITH_THOUGHTS})) as engine:
        text, events = await read(engine, ask(effort="high"))
        thoughts = "".join(e.text for e in events if isinstance(e, TokenChunk) and e.thinking)
        assert (thoughts, text) == ("le vent tourne", "galerne")
        assert engine.status().abilities.thinking


async def test_log_probabilities_are_those_of_the_tokens(make):
    async with make() as engine:
        cold = Sampling(temperature=0.0, max_new_tokens=4)
        text, events = await read(engine, ask(sampling=cold, n_top_logprobs=2))
        told = [token for event in events if isinstance(event, TokenChunk) for token in event.logprobs]
    assert "".join(token.token for token in told) == text
    assert all(token.logprob <= 0 and len(token.top) == 2 for token in told)
    assert all(math.isclose(token.top[0].logprob, token.logprob) for token in told)


async def test_a_bias_bans_and_forces_tokens(make):
    async with make() as engine:
        (token,) = await engine.tokenize("e")
        free, _ = await read(engine, ask())
        banned = Sampling(temperature=0.0, max_new_tokens=200, logit_bias=((2, -100.0),))
        _, events = await read(engine, ask(sampling=banned))
        assert events[-1].reason is FinishReason.LENGTH  # the end itself was banned
        forced = Sampling(temperature=0.0, max_new_tokens=5, logit_bias=((token.token_id, 100.0),))
        text, _ = await read(engine, ask(sampling=forced))
        assert text == "eeeee" != free[:5]


async def test_a_least_length_is_refused_where_it_would_be_ignored(make):
    async with make() as engine:
        with pytest.raises(AbilityMissing, match="min_tokens"):
            await read(engine, ask(sampling=Sampling(min_new_tokens=5)))


async def test_a_text_goes_on_and_a_beginning_is_kept_to(make):
    async with make() as engine:
        text, _ = await read(engine, ask(messages=(), text=RawText(text="Galerne est")))
        assert text
        begun = (*ask().messages, Message(role=Role.ASSISTANT, content="Je"))
        text, events = await read(engine, ask(messages=begun, continues=True))
        assert text
        assert events[0].prompt_tokens == 5


async def test_the_middle_is_filled_in_where_the_model_can(make):
    async with make() as engine:
        with pytest.raises(AbilityMissing, match="FIM is not enabled for this model"):
            await read(engine, ask(messages=(), text=RawText(text="def f(", suffix="return")))
    marks = {f"tokenizer.ggml.fim_{part}_token_id": 4 + n for n, part in enumerate(("pre", "suf", "mid"))}
    async with make(tiny_gguf(**marks)) as engine:
        cold = Sampling(temperature=0.0, max_new_tokens=7)
        request = ask(messages=(), text=RawText(text="def f(", suffix="return"), sampling=cold)
        text, events = await read(engine, request)
        assert text
        assert events[-1].reason is FinishReason.LENGTH
        assert events[-1].usage.new_tokens == 7


async def test_tokens_of_a_text_are_its_text(make):
    async with make() as engine:
        tokens = await engine.tokenize("Bonjour, Galerne !")
    assert "".join(token.text for token in tokens) == "Bonjour, Galerne !"


async def test_a_model_without_pooling_says_that_it_makes_no_vectors(make):
    async with make() as engine:
        with pytest.raises(AbilityMissing, match="Embedding"):
            await engine.embed(["texte"])
        assert not engine.status().abilities.embedding


async def test_a_model_that_pools_makes_vectors_and_no_conversation(tmp_path):
    path = tmp_path / "embedding.gguf"
    path.write_bytes(tiny_gguf(context_tokens=1024, **{"llama.pooling_type": 1}))
    engine = LlamaEngine(LlamaSettings(model_id="m", model_path=path, context_tokens=1024, n_slots=1))
    await engine.start()
    try:
        embedded = await engine.embed(["vent", "galerne", "vent"])
        assert len(embedded.vectors) == 3
        assert embedded.vectors[0] == pytest.approx(embedded.vectors[2], abs=1e-6)
        assert math.isclose(math.hypot(*embedded.vectors[1]), 1.0, rel_tol=1e-4)
        assert embedded.usage.prompt_tokens > 3
        assert len((await engine.embed(["x" * 900])).vectors[0]) == 64
        with pytest.raises(ContextTooLong):
            await engine.embed(["x" * 3000])
        with pytest.raises(AbilityMissing, match="Chat completion"):
            await read(engine, ask())
    finally:
        await engine.stop()
