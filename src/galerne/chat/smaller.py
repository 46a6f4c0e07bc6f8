"""Whether a smaller model that is here would do for a question like this one, and what it would save.

Smaller means fewer active parameters: weights that a token passes through. The hint is about energy
alone. How well a model answers is no figure of the catalogue, so nothing is claimed of it: who reads the
hint is told so, and can have both answers beside each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from galerne.chat.bill.figures import decimal, quantity, rate
from galerne.chat.bill.receipt import PACKAGE, machine_name
from galerne.chat.documents.grounding import LEAST_PARAMETERS
from galerne.chat.history.records import MessageStatus, ThreadPage
from galerne.language import Language, phrases
from galerne.units import KWH_J

MOST_QUESTION_CHARACTERS = 300
MOST_CHARACTERS = 3_000
"""Of instructions, question and answer together: beyond this it is no short exchange."""
MOST_ENERGY_RATIO = 0.5
"""A plain threshold: the times behind both are typically off by some tenths."""
LEAST_SAVED_J = 36.0
"""A hundredth of a watt-hour; less is not worth a line."""
_LOCAL = "llama.cpp"
_GENERAL = "general"


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What a model takes on this machine, by the shared model.

    Attributes:
        format_id: of its weights; the one that fits here best, whichever is installed.
        error_ratio: typical relative error of the times behind it.
    """

    j_per_token: float
    format_id: str
    error_ratio: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallerModel:
    """A model that would take less for the same answer.

    Attributes:
        saved_j: of the answer's full energy, were all its tokens the smaller model's.
        energy_j: what the answer took.
        expected: of the smaller one; ``answering`` of the one that answered.
        is_loaded: it answers at once; else its load comes on top.
    """

    id: str
    name: str
    saved_j: float
    energy_j: float
    expected: Expected
    answering: Expected
    is_loaded: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallerView:
    """The hint in words."""

    id: str
    name: str
    text: str
    how: str


def is_plain(page: ThreadPage, *, instructions: str) -> bool:
    """Whether a conversation is one short question and its one short answer, by a model, without tools.

    So the hint can stand in a conversation once: whatever follows, another answer too, ends it.
    """
    if len(page.messages) != 2 or page.earlier_id or page.more_follow or page.beside:
        return False
    question, answer = page.messages
    alone = all(place.of == 1 for place in page.places.values())
    plain = not (answer.quoted or answer.citations or answer.tool_uses or answer.past_receipts)
    n_characters = len(instructions) + len(question.content) + len(answer.content)
    return (
        alone
        and plain
        and answer.status is MessageStatus.DONE
        and len(question.content) <= MOST_QUESTION_CHARACTERS
        and n_characters <= MOST_CHARACTERS
    )


def find_smaller(
    model_id: str,
    *,
    energy_j: float,
    cards: Sequence[Mapping[str, Any]],
    fits: Sequence[Mapping[str, Any]],
    engines: Sequence[Mapping[str, Any]],
) -> SmallerModel | None:
    """The largest installed model that would take less than half of the energy; ``None`` where there is none.

    The largest, since it is the nearest to the one that was chosen. Never one for a special purpose, nor one
    below ``LEAST_PARAMETERS``: the built-in model knows Galerne and little else.

    Args:
        model_id: which one answered.
        energy_j: full energy of the answer.
        cards: the models of this server that answer.
        fits: what each takes on this machine; of models elsewhere nothing is known.
        engines: which of them run on this machine.
    """
    expected = {str(row["model_id"]): row for row in fits if row.get("purpose") == _GENERAL}
    presence = {
        str(engine["model_id"]): str(engine["presence"])
        for engine in engines
        if engine.get("engine") == _LOCAL
    }
    here = {str(card["id"]): expected.get(_catalogue_id(str(card["id"]))) for card in cards}
    rows = {key: row for key, row in here.items() if row is not None and key in presence}
    answering = rows.get(model_id)
    if answering is None:
        return None
    found = [
        (float(row["n_active_parameters"]), -float(row["j_per_token"]), key)
        for key, row in rows.items()
        if LEAST_PARAMETERS <= row["n_active_parameters"] < answering["n_active_parameters"]
        and row["j_per_token"] < MOST_ENERGY_RATIO * answering["j_per_token"]
        and (presence[key] == "loaded" or row["fits"] or row["needed_bytes"] <= answering["needed_bytes"])
    ]
    if not found:
        return None
    _, _, key = max(found)
    saved_j = energy_j * (1 - rows[key]["j_per_token"] / answering["j_per_token"])
    if saved_j < LEAST_SAVED_J:
        return None
    return SmallerModel(
        id=key,
        name=next(str(card.get("name") or key) for card in cards if card["id"] == key),
        saved_j=saved_j,
        energy_j=energy_j,
        expected=_expected(rows[key]),
        answering=_expected(answering),
        is_loaded=presence[key] == "loaded",
    )


def view_smaller(found: SmallerModel, *, machine: str, language: Language) -> SmallerView:
    """Put the hint into words, with what it stands on."""
    say = phrases(PACKAGE, language)
    small, large = (
        say["smaller_rate"].format(
            rate=rate(row.j_per_token, say["j_per_token"], language=language, digits=2), format=row.format_id
        )
        for row in (found.expected, found.answering)
    )
    error_ratio = max(found.expected.error_ratio, found.answering.error_ratio)
    how = say["smaller_how"].format(
        machine=machine_name(machine, language=language),
        small=small,
        large=large,
        error=decimal(error_ratio * 100, language=language, decimals=0),
    )
    return SmallerView(
        id=found.id,
        name=found.name,
        text=say["smaller_text"].format(
            model=found.name,
            saved=_about(found.saved_j, language),
            energy=_about(found.energy_j, language),
            joules=quantity(found.energy_j, "J", language=language, digits=2),
        ),
        how=how if found.is_loaded else f"{how} {say['smaller_load']}",
    )


def _about(energy_j: float, language: Language) -> str:
    """In watt-hours, to two digits: more would look surer than it is."""
    rounded_wh = float(f"{energy_j / KWH_J * 1000:.2g}")
    return str(quantity(rounded_wh, "Wh", language=language, digits=2))


def _catalogue_id(model_id: str) -> str:
    """Of several files of one model, all but one are called ``model:format``."""
    return model_id.partition(":")[0]


def _expected(row: Mapping[str, Any]) -> Expected:
    return Expected(
        j_per_token=float(row["j_per_token"]),
        format_id=str(row["format_id"]),
        error_ratio=float(row["error_ratio"]),
    )
