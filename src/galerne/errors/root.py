"""The root of every failure: a code, an advice, typed facts, one sentence; it survives pickling."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar, dataclass_transform

E = TypeVar("E", bound="GalerneError")


@dataclass_transform(kw_only_default=True, eq_default=False)
def failure(cls: type[E]) -> type[E]:
    """Make a leaf of the tree: typed facts by keyword, compared by identity as exceptions are."""
    return dataclass(kw_only=True, eq=False)(cls)


def _rebuild(cls: type[GalerneError], facts: dict[str, Any]) -> GalerneError:
    return cls(**facts)


@dataclass(kw_only=True, eq=False)
class GalerneError(Exception):
    """Root of every failure that is not our own mistake.

    Attributes:
        code: stable identifier, for programs; made from the class name.
        advice: one sentence on what to do next, for people.
        sentence: what happened, with the facts in braces.
    """

    code: ClassVar[str] = "galerne_error"
    advice: ClassVar[str] = "Please report this with the output of `galerne doctor`."
    sentence: ClassVar[str] = "Something failed"

    def __init_subclass__(cls) -> None:
        """The code is the name: ``ContextTooLong`` is ``context_too_long``, for ever."""
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def facts(self) -> dict[str, Any]:
        """The typed facts of this failure, as they were given."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by facts: keyword-only constructors do not survive the default."""
        return (_rebuild, (type(self), self.facts()))

    def __str__(self) -> str:
        facts = self.facts()
        nearest = facts.get("nearest")
        return self.sentence.format_map(facts) + (f"; did you mean {nearest!r}?" if nearest else "")


def leaves(root: type[GalerneError] = GalerneError) -> list[type[GalerneError]]:
    """Every concrete error class below ``root``, in the order of definition."""
    found: list[type[GalerneError]] = []
    for child in root.__subclasses__():
        found.extend(leaves(child) if child.__subclasses__() else [child])
    return found
