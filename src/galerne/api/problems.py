"""How each failure reads on the wire: one table from code to status and words, in both dialects.

OpenAI's clients read ``{"error": {...}}`` and retry by status, unless ``x-should-retry`` says otherwise;
Mistral's read a flat object. Both get the same facts. Nothing here imports a web framework.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from galerne.errors import (
    EngineRefused,
    ForbiddenField,
    GalerneError,
    ImageRefused,
    InvalidMessageOrder,
    InvalidRequest,
    ModelLoading,
    Overloaded,
    QuotaExhausted,
    UnknownRoute,
)
from galerne.language import Language, phrases

RETRY_AFTER_S = 2.0
"""What a client is told to wait where the failure does not know better."""


class Dialect(StrEnum):
    """Whose error shape a client reads."""

    OPENAI = "openai"
    MISTRAL = "mistral"


def dialect_of(user_agent: str) -> Dialect:
    """Mistral's shape for Mistral's own clients, which name themselves; OpenAI's for all others."""
    return Dialect.MISTRAL if "mistral" in user_agent.lower() else Dialect.OPENAI


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """How one failure reads.

    Attributes:
        status: HTTP status in OpenAI's dialect.
        type: class of failure, a word of OpenAI's.
        code: OpenAI's word for this very failure where it has one, which clients compare; else ours.
        mistral_status: HTTP status in Mistral's dialect, where it differs.
        mistral_type: Mistral's word.
        mistral_code: Mistral's number, where one has been seen on the wire.
        retry: whether the same request may succeed later.
    """

    status: int
    type: str
    code: str | None = None
    mistral_status: int | None = None
    mistral_type: str
    mistral_code: str | None = None
    retry: bool = False


def _asked(status: int, **words: Any) -> Problem:
    """The request is at fault, and would be again."""
    words.setdefault("mistral_type", "invalid_request_error")
    return Problem(status=status, type="invalid_request_error", **words)


def _ours(status: int, *, retry: bool = False) -> Problem:
    """The server is at fault."""
    return Problem(status=status, type="server_error", mistral_type="server_error", retry=retry)


PROBLEMS: Mapping[str, Problem] = MappingProxyType(
    {
        "invalid_fact": _ours(500),
        "unknown_id": _asked(404),
        "store_unreachable": _ours(503, retry=True),
        "data_folder_busy": _ours(503),
        "does_not_fit": _asked(422),
        "meter_unavailable": _ours(500),
        "no_signal": _asked(422),
        "invalid_tariff": _asked(422),
        "model_file_missing": _asked(404, code="model_not_found"),
        "invalid_model_file": _ours(500),
        "hub_unreachable": _ours(502),
        "hub_refused": _ours(502),
        "offline": _ours(500),
        "disk_full": _ours(500),
        "download_corrupt": _ours(502),
        "model_kept": _asked(409),
        "engine_missing": _ours(500),
        "engine_crashed": _ours(503, retry=True),
        "engine_refused": _ours(502),
        "context_too_long": _asked(400, code="context_length_exceeded"),
        "ability_missing": _asked(400, mistral_type="invalid_request_invalid_args", mistral_code="3051"),
        "overloaded": _ours(503, retry=True),
        "machine_busy": _ours(503, retry=True),
        "entry_conflict": _asked(409),
        "unknown_receipt": _asked(404),
        "unknown_key": _asked(404),
        "key_name_taken": _asked(409),
        "ledger_broken": _ours(500),
        "ledger_not_empty": _ours(500),
        "ledger_sums_broken": _ours(500),
        "model_loading": _ours(503, retry=True),
        "no_node": _ours(503, retry=True),
        "invalid_request": _asked(400, mistral_status=422),
        "image_refused": _asked(400, mistral_status=422),
        "invalid_message_order": _asked(
            400, mistral_type="invalid_request_message_order", mistral_code="3230"
        ),
        "forbidden_field": _asked(422, mistral_type="extra_forbidden"),
        "unknown_model": _asked(
            404, code="model_not_found", mistral_status=400, mistral_type="invalid_model", mistral_code="1500"
        ),
        "unauthorized": Problem(
            status=401,
            type="authentication_error",
            code="invalid_api_key",
            mistral_type="authentication_error",
        ),
        "out_of_scope": Problem(status=403, type="permission_error", mistral_type="permission_error"),
        "quota_exhausted": Problem(
            status=429,
            type="rate_limit_error",
            code="rate_limit_exceeded",
            mistral_type="rate_limited",
            mistral_code="1300",
        ),
        "forbidden": Problem(status=403, type="permission_error", mistral_type="permission_error"),
        "unknown_route": _asked(404),
        "request_too_large": _asked(413),
        "port_in_use": _ours(500),
        "server_unreachable": _ours(502),
        "invalid_scenario": _asked(422),
        "invalid_setting": _asked(422),
        "infeasible": _asked(422),
        "unknown_conversation": _asked(404),
        "answer_refused": _ours(502),
        "unknown_document": _asked(404),
        "unknown_project": _asked(404),
        "unknown_assistant": _asked(404),
        "document_unsupported": _asked(415),
        "document_too_large": _asked(413),
        "document_encrypted": _asked(422),
        "document_without_text": _asked(422),
        "document_unreadable": _asked(422),
        "extraction_overrun": _asked(422),
        "tool_failed": _ours(502),
        "invalid_tool_file": _ours(500),
        "address_refused": _ours(502),
        "unknown_person": _asked(404),
        "account_refused": _asked(422),
        "sign_in_delayed": Problem(status=429, type="rate_limit_error", mistral_type="rate_limited"),
        "internal_error": _ours(500),
    }
)
"""Every code that can leave by HTTP. ``internal_error`` is our own mistake, not a ``GalerneError``."""


def status_of(error: GalerneError, dialect: Dialect) -> int:
    """HTTP status of a failure.

    Two failures carry their own: what an engine refused because of the request is the request's fault, and
    a path that answers other methods is 405.
    """
    if isinstance(error, EngineRefused) and 400 <= error.status < 500:
        return 400
    if isinstance(error, UnknownRoute) and error.allowed:
        return 405
    problem = PROBLEMS[error.code]
    mistral = problem.mistral_status if dialect is Dialect.MISTRAL else None
    return mistral or problem.status


def headers_of(error: GalerneError) -> dict[str, str]:
    """Headers that tell a client whether and when to try again."""
    if isinstance(error, QuotaExhausted):
        return _quota_headers(error)
    headers = {"x-should-retry": "true" if PROBLEMS[error.code].retry else "false"}
    if PROBLEMS[error.code].retry:
        wait_s = error.retry_after_s if isinstance(error, Overloaded | ModelLoading) else RETRY_AFTER_S
        headers["retry-after"] = str(max(1, math.ceil(wait_s)))
    if isinstance(error, UnknownRoute) and error.allowed:
        headers["allow"] = ", ".join(error.allowed)
    if error.code == "unauthorized":
        headers["www-authenticate"] = "Bearer"
    return headers


def _quota_headers(error: QuotaExhausted) -> dict[str, str]:
    """The limit that was reached, and when to ask again where waiting helps."""
    left = max(0.0, error.limit - error.spent - error.held)
    headers = rate_limit_headers(error.unit, error.period, limit=error.limit, remaining=left)
    if error.retry_after_s is None:
        return {**headers, "x-should-retry": "false"}
    return {
        **headers,
        "x-should-retry": "true",
        "retry-after": str(max(1, math.ceil(error.retry_after_s))),
    }


def rate_limit_headers(unit: str, period: str, *, limit: float, remaining: float) -> dict[str, str]:
    """A limit in the words of Mistral's headers, which say ``req`` for requests."""
    name = f"{'req' if unit == 'requests' else unit}-{period}"
    return {
        f"x-ratelimit-limit-{name}": f"{limit:.12g}",
        f"x-ratelimit-remaining-{name}": f"{remaining:.12g}",
    }


def body_of(error: GalerneError, dialect: Dialect, language: Language) -> dict[str, Any]:
    """The body of a failure: the sentence for programs in English, the advice in the reader's language."""
    body = _body(
        error.code,
        message=str(error),
        param=_param(error),
        status=status_of(error, dialect),
        dialect=dialect,
        language=language,
    )
    if isinstance(error, ModelLoading):
        # The words other local servers use: clients that know them show a progress bar.
        words = body["error"] if dialect is Dialect.OPENAI else body
        words["loading"] = {
            "state": "loading",
            "progress": round(error.progress_ratio, 3),
            "elapsed_seconds": round(error.elapsed_s, 1),
            "eta_seconds": round(error.retry_after_s, 1),
        }
    return body


def internal_body(request_id: str, dialect: Dialect, language: Language) -> dict[str, Any]:
    """The body of our own mistake: an id to find it in the log, and nothing from inside."""
    return _body(
        "internal_error",
        message=f"Galerne made a mistake with request {request_id}",
        param=None,
        status=500,
        dialect=dialect,
        language=language,
    )


def _param(error: GalerneError) -> str | None:
    """The field of the request that a failure is about, where it is about one."""
    if isinstance(error, InvalidRequest | ImageRefused | InvalidMessageOrder | ForbiddenField):
        return error.path
    return {"unknown_model": "model", "context_too_long": "messages"}.get(error.code)


def _location(param: str) -> list[str | int]:
    """``messages[0].name`` as Mistral lists it: messages, 0, name."""
    steps = re.findall(r"[^.\[\]]+", param)
    return [int(step) if step.isdecimal() else step for step in steps]


def _body(
    code: str, *, message: str, param: str | None, status: int, dialect: Dialect, language: Language
) -> dict[str, Any]:
    problem = PROBLEMS[code]
    if status < 500 <= problem.status:  # an engine refused it because of the request
        problem = _asked(status)
    advice = phrases("galerne.api", language)[code]
    if dialect is Dialect.OPENAI:
        words = {
            "message": message,
            "type": problem.type,
            "param": param,
            "code": problem.code or code,
            "advice": advice,
            "galerne_code": code,
        }
        return {"error": words}
    flat: dict[str, Any] = {
        "object": "error",
        "message": message,
        "type": problem.mistral_type,
        "param": param,
        "code": problem.mistral_code or code,
        "raw_status_code": status,
        "advice": advice,
        "galerne_code": code,
    }
    if status == 422 and param is not None:
        problem_words = message.removeprefix(f"{param}: ")
        flat["detail"] = [
            {"type": problem.mistral_type, "loc": ["body", *_location(param)], "msg": problem_words}
        ]
    return flat
