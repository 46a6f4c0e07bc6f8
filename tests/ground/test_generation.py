import dataclasses

import pytest

from galerne.generation import (
    FinishReason,
    GenerationRequest,
    Message,
    PromptRead,
    Role,
    Sampling,
    TokenChunk,
    Usage,
)


def usage(**changes: float) -> Usage:
    given = {"prompt_tokens": 20, "cached_tokens": 5, "new_tokens": 11}
    times = {"queued_s": 0.5, "prefill_s": 0.25, "decode_s": 2.0}
    return Usage(**{**given, **times, **changes})


def test_first_token_waits_for_the_queue_and_the_prompt():
    assert usage().first_token_s == 0.75


def test_speed_is_of_the_tokens_after_the_first():
    assert usage().decode_tokens_per_s == 5.0


@pytest.mark.parametrize("changes", [{"new_tokens": 0}, {"new_tokens": 1}, {"decode_s": 0.0}])
def test_speed_of_nothing_is_nothing(changes):
    assert usage(**changes).decode_tokens_per_s == 0.0


def test_a_request_is_as_long_as_its_turns():
    turns = (Message(role=Role.SYSTEM, content="été"), Message(role=Role.USER, content="🌬"))
    request = GenerationRequest(request_id="r", model_id="m", messages=turns)
    assert request.n_characters() == 4
    assert request.sampling == Sampling()
    assert request.sampling.temperature is None


@pytest.mark.parametrize(
    "record",
    [usage(), PromptRead(prompt_tokens=1, cached_tokens=0), TokenChunk(text="a"), Sampling()],
    ids=lambda record: type(record).__name__,
)
def test_records_do_not_change(record):
    name = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, name, 1)


def test_words_of_the_domain_are_their_text():
    assert f"{Role.USER} {FinishReason.TOOL_CALLS}" == "user tool_calls"
