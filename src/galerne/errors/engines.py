"""What keeps an engine from answering."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class EngineError(GalerneError):
    """The engine cannot run the model."""


@failure
class EngineMissing(EngineError):
    """The engine is not installed or does not start."""

    advice = "Run `galerne doctor`; it prints the command that installs the engine."
    sentence = "The engine {engine} does not start: {install_hint}"
    engine: str
    install_hint: str


@failure
class EngineCrashed(EngineError):
    """The engine process died."""

    advice = "Ask again; the engine is being restarted."
    sentence = "The engine {engine} stopped (exit code {exit_code})"
    engine: str
    exit_code: int | None
    tail: str = ""


@failure
class EngineRefused(EngineError):
    """The engine answered with an error of its own."""

    advice = "Check the parameters of the request."
    sentence = "The engine {engine} refused the request ({status}): {problem}"
    engine: str
    status: int
    problem: str


@failure
class ContextTooLong(EngineError):
    """Prompt and answer exceed the context."""

    advice = "Shorten the conversation or load the model with a larger context."
    sentence = "The prompt has {prompt_tokens} tokens and the context holds {context_tokens}"
    prompt_tokens: int
    context_tokens: int


@failure
class AbilityMissing(EngineError):
    """The model cannot do this at all."""

    advice = "GET /v1/models shows what each model can do, under `capabilities`."
    sentence = "{ability} is not enabled for this model"  # Mistral's own sentence
    ability: str
    model: str


@failure
class Overloaded(EngineError):
    """No free place in the queue."""

    advice = "Wait the number of seconds given in Retry-After, then ask again."
    sentence = "{n_waiting} requests are waiting already; retry in {retry_after_s:.0f} s"
    n_waiting: int
    retry_after_s: float


@failure
class MachineBusy(EngineError):
    """Other programs compute, so that a measurement would mislead."""

    advice = "Wait until they have ended; `galerne tune MODEL --anyway` measures all the same."
    sentence = "Other programs keep {others_cores:.1f} cores busy: a measurement now would mislead"
    others_cores: float
