"""What our API says when it refuses, as an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx

from galerne.errors import AnswerRefused


async def raise_for_problem(response: httpx.Response) -> None:
    """Pass what is no refusal.

    Raises:
        AnswerRefused: the status says that it is one.
    """
    if response.status_code < 400:
        return
    await response.aread()
    try:
        document = response.json()
    except ValueError:
        document = {}
    error = refused(response.status_code, document if isinstance(document, dict) else {})
    after = response.headers.get("retry-after", "")
    raise replace(error, retry_after_s=float(after)) if after.isdecimal() else error


def refused(status: int, document: Mapping[str, Any]) -> AnswerRefused:
    """The error that a body of either dialect stands for."""
    error = document.get("error")
    problem: Mapping[str, Any] = error if isinstance(error, dict) else document
    return AnswerRefused(
        status=status,
        problem_code=str(problem.get("code") or problem.get("type") or "error"),
        hint=" ".join(str(problem[part]) for part in ("message", "advice") if problem.get(part)),
    )
