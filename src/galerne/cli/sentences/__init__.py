"""What happened, in the language of whoever reads the terminal; programs and logs read the English."""

from __future__ import annotations

from galerne.chat.bill.figures import quantity
from galerne.errors import (
    AnswerRefused,
    DoesNotFit,
    GalerneError,
    InvalidRequest,
    NoNode,
    UnknownId,
    UnknownModel,
)
from galerne.language import Language, phrases


def in_words(error: GalerneError, *, language: Language, command: str = "galerne") -> tuple[str, str]:
    """What happened and what to do next.

    A sentence whose facts are themselves English words stays English; its advice does not.

    Args:
        error: what ended the command.
        language: of the reader.
        command: whose help explains what may be typed.
    """
    say = phrases(__name__, language)
    if isinstance(error, NoNode) and not error.rejected:
        return say["nothing_runs"], say["run_engine"]
    if isinstance(error, InvalidRequest):  # of the command line: no field of the API is meant
        return str(error), phrases("galerne.cli", language)["misuse_advice"].format(command=command)
    if isinstance(error, UnknownModel) and (model_id := _known_elsewhere(error.model)):
        return _sentence(error, language=language), say["pull_it"].format(model=model_id)
    if isinstance(error, UnknownId) and error.kind == "model":
        return _sentence(error, language=language), say["which_model"]
    if isinstance(error, AnswerRefused) and error.hint:
        return error.hint, _advice(error.problem_code, error.advice, language=language)
    # In English the error has its own: the API's package, which has the others, loads its web framework.
    is_english = language is Language.ENGLISH
    advice = error.advice if is_english else _advice(error.code, error.advice, language=language)
    return _sentence(error, language=language), advice


def _known_elsewhere(name: str) -> str | None:
    """Under which id a model that is not here can be fetched."""
    from galerne.catalog import Catalog
    from galerne.cli.choosing import pullable

    return pullable(Catalog(), name)


def _sentence(error: GalerneError, *, language: Language) -> str:
    if language is Language.ENGLISH:
        return str(error)
    say, facts = phrases(__name__, language), error.facts()
    if "kind" in facts:
        facts["kind"] = say.get(f"kind_{facts['kind'].replace(' ', '_')}", facts["kind"])
    if isinstance(error, DoesNotFit):
        text = say["does_not_fit"].format(
            model=error.model or say["this"],
            needed=quantity(error.needed_bytes, "B", language=language),
            free=quantity(error.free_bytes, "B", language=language),
        )
        return text + (say["would_fit"].format(**facts) if error.smallest_fit else "")
    if error.code not in say:
        return str(error)
    nearest = facts.get("nearest")
    return say[error.code].format(**facts) + (say["nearest"].format(nearest=nearest) if nearest else "")


def _advice(code: str, english: str, *, language: Language) -> str:
    known = phrases("galerne.api", language)
    return known.get(code, english)
