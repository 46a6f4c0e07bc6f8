"""Turns whatever was raised into a response, and into a line of the log without a word of any prompt."""

from __future__ import annotations

import logging
import traceback
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import Scope

from galerne.api import problems
from galerne.api.wire.shared import path_of
from galerne.errors import GalerneError, InvalidRequest, UnknownRoute
from galerne.language import Language, preferred_language

logger = logging.getLogger(__name__)


def failure_response(error: Exception, *, scope: Scope, language: Language) -> JSONResponse:
    """The response to a failure that happened before any response was sent."""
    status, body, headers = failure_body(error, scope=scope, language=language)
    return JSONResponse(body, status_code=status, headers=headers)


def failure_body(
    error: Exception, *, scope: Scope, language: Language
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body and headers of a failure, in the dialect and language of who asked; logs our mistakes."""
    connection = HTTPConnection(scope)
    dialect = problems.dialect_of(connection.headers.get("user-agent", ""))
    tags = connection.headers.get("accept-language")
    reader = preferred_language(tags) if tags else language
    known = as_galerne_error(error, scope)
    if known is None:
        request_id: str = connection.state.request_id
        _log_mistake(request_id, error)
        body = problems.internal_body(request_id, dialect, reader)
        return 500, body, {"x-should-retry": "false"}
    status = problems.status_of(known, dialect)
    if status >= 500:
        logger.warning("request %s: %s", connection.state.request_id, known.code)
    return status, problems.body_of(known, dialect, reader), problems.headers_of(known)


def as_galerne_error(error: Exception, scope: Scope) -> GalerneError | None:
    """The failure in our own words; None where it is our own mistake."""
    if isinstance(error, GalerneError):
        return error
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return InvalidRequest(path=path_of(first["loc"][1:]), problem=first["msg"])
    if isinstance(error, HTTPException) and error.status_code in {404, 405}:
        allowed = tuple(filter(None, (error.headers or {}).get("Allow", "").split(", ")))
        return UnknownRoute(method=scope["method"], path=scope["path"], allowed=allowed)
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.BAD_REQUEST:
        return InvalidRequest(path="body", problem="it cannot be read as JSON in UTF-8")
    return None


def _log_mistake(request_id: str, error: Exception) -> None:
    """Where it went wrong, without the exception's own text: that may quote a prompt."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.name}:{frame.lineno} {frame.filename}" for frame in reversed(frames[-6:]))
    logger.error("request %s failed with %s at %s", request_id, type(error).__name__, where)
