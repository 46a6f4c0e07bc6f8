"""Bounds on JSON schemas that come from outside: a grammar made of a hostile one would occupy the engine.

llama.cpp turns a schema into a grammar and walks it at every token, for all slots in one thread. Its cost
explodes with optional repetitions in patterns; everything else is bounded by the size of the schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from galerne.errors import InvalidRequest

MAX_SCHEMA_BYTES = 65_536
MAX_SCHEMA_DEPTH = 32
MAX_PATTERN_CHARACTERS = 256
MAX_REPETITIONS = 64
"""Sum of the optional repetitions in one pattern; sixty of them take 0.4 s to compile, two hundred 20 s."""

_COUNTED = re.compile(r"\{(\d*)(,?)(\d*)\}")


def check_schema(schema: Mapping[str, Any], *, path: str) -> None:
    """Refuse a schema that is too large, too deep, or has a pattern too costly to enforce.

    Raises:
        InvalidRequest: naming the limit.
    """
    if len(json.dumps(schema)) > MAX_SCHEMA_BYTES:
        raise InvalidRequest(path=path, problem=f"a schema may have {MAX_SCHEMA_BYTES} bytes")
    patterns = 0
    pending: list[tuple[Any, int]] = [(schema, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_SCHEMA_DEPTH:
            raise InvalidRequest(path=path, problem=f"a schema may be {MAX_SCHEMA_DEPTH} levels deep")
        if isinstance(node, Mapping):
            if isinstance(pattern := node.get("pattern"), str):
                patterns += _check_pattern(pattern, path=path)
            pending += [(child, depth + 1) for child in node.values()]
        elif isinstance(node, list):
            pending += [(child, depth + 1) for child in node]
    if patterns > MAX_REPETITIONS:
        raise InvalidRequest(path=path, problem=f"its patterns may repeat {MAX_REPETITIONS} times in all")


def _check_pattern(pattern: str, *, path: str) -> int:
    """The repetitions in a pattern, which count for the whole schema."""
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise InvalidRequest(path=path, problem=f"a pattern may have {MAX_PATTERN_CHARACTERS} characters")
    if re.search(r"\)\{", pattern):
        raise InvalidRequest(path=path, problem="a pattern may not repeat a group a counted number of times")
    counted = [int(high or low or 0) for low, _, high in _COUNTED.findall(pattern)]
    return sum(counted) + pattern.count("?")
