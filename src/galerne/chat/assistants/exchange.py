"""An assistant as a small JSON file, to keep or to hand on; its documents stay where they are.

A file is somebody else's: every field is checked, and what is not known is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from galerne.chat.assistants.records import LONGEST_NAME, LONGEST_PURPOSE, Profile
from galerne.chat.history.records import HOTTEST, LONGEST_INSTRUCTIONS, MOST_NEW_TOKENS, Manner
from galerne.errors import InvalidRequest

LARGEST_FILE_BYTES = 200_000
_VERSION = 1
_MOST_TOOLS = 100
_LONGEST_ID = 200
_FIELDS = {"name", "purpose", "instructions", "model", "temperature", "max_tokens", "tools"}


def write_assistant(profile: Profile, *, documents: Sequence[str] = ()) -> str:
    """An assistant as JSON that ``read_assistant`` takes.

    Args:
        profile: the assistant.
        documents: names of what it looks into, for whoever reads the file; the bytes are not in it.
    """
    manner = profile.manner
    facts: dict[str, Any] = {
        "name": profile.name,
        "purpose": profile.purpose,
        "instructions": manner.instructions,
        "model": profile.model_id,
        "temperature": manner.temperature,
        "max_tokens": manner.max_new_tokens,
        "tools": None if manner.tools is None else list(manner.tools),
    }
    document = {"galerne_assistant": _VERSION, **facts, "documents": list(documents)}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def read_assistant(content: bytes) -> Profile:
    """The assistant of a file.

    Raises:
        InvalidRequest: it is not what ``write_assistant`` writes; says where.
    """
    if len(content) > LARGEST_FILE_BYTES:
        raise _invalid("file", f"more than {LARGEST_FILE_BYTES} bytes")
    try:
        document = json.loads(content.decode("utf-8-sig"), parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise _invalid("file", "not JSON that can be read") from error
    if not isinstance(document, dict) or document.get("galerne_assistant") != _VERSION:
        raise _invalid("galerne_assistant", f"this Galerne reads version {_VERSION} of the format")
    if unknown := document.keys() - _FIELDS - {"galerne_assistant", "documents"}:
        raise _invalid(str(min(unknown))[:80], "is not known")
    return Profile(
        name=_text(document, "name", most=LONGEST_NAME, needed=True),
        purpose=_text(document, "purpose", most=LONGEST_PURPOSE),
        model_id=_text(document, "model", most=_LONGEST_ID) or None,
        manner=Manner(
            instructions=_text(document, "instructions", most=LONGEST_INSTRUCTIONS),
            temperature=_number(document, "temperature", least=0.0, most=HOTTEST),
            max_new_tokens=_whole(_number(document, "max_tokens", least=1, most=MOST_NEW_TOKENS)),
            tools=_tools(document.get("tools")),
        ),
    )


def _text(document: Mapping[str, Any], name: str, *, most: int, needed: bool = False) -> str:
    value = document.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value.strip()):
        raise _invalid(name, "is not a text")
    if len(value) > most:
        raise _invalid(name, f"has {len(value)} characters; {most} at most")
    return value.strip()


def _number(document: Mapping[str, Any], name: str, *, least: float, most: float) -> float | None:
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _invalid(name, f"is not a number between {least:g} and {most:g}")
    return float(value)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _tools(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _invalid("tools", "is not a list of names")
    if len(value) > _MOST_TOOLS or any(len(name) > _LONGEST_ID for name in value):
        raise _invalid("tools", f"more than {_MOST_TOOLS} names, or a name above {_LONGEST_ID} characters")
    return tuple(sorted(set(value)))


def _invalid(path: str, problem: str) -> InvalidRequest:
    return InvalidRequest(path=path, problem=problem)
