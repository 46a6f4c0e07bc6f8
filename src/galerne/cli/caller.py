"""Asks the running daemon one thing, as its owner."""

from __future__ import annotations

from typing import Any

import httpx

from galerne.cli.daemon import own_key
from galerne.cli.settings import Settings
from galerne.errors import AnswerRefused, ServerUnreachable

PATIENCE_S = 5.0


def ask_daemon(
    settings: Settings,
    address: str,
    method: str,
    path: str,
    *,
    json: Any = None,
    patience_s: float | None = PATIENCE_S,
) -> Any:
    """What the daemon answers, as plain data.

    Args:
        settings: where its key is found.
        address: of the daemon.
        method: of HTTP.
        path: with its query.
        json: the body.
        patience_s: how long the answer may take; None for as long as it does.

    Raises:
        ServerUnreachable: it does not answer.
        AnswerRefused: it answers with an error.
    """
    headers = {"Authorization": f"Bearer {key}"} if (key := own_key(settings)) else {}
    try:
        response = httpx.request(
            method,
            f"{address}{path}",
            headers=headers,
            json=json,
            timeout=httpx.Timeout(patience_s, connect=PATIENCE_S),
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise ServerUnreachable(address=address, problem=type(error).__name__) from error
    if response.is_error:
        raise refusal(response)
    return response.json()


def refusal(response: httpx.Response) -> AnswerRefused:
    """The error that an answer with a bad status stands for; its code is ours, whatever the dialect's."""
    try:
        error = response.json()["error"]
        code, hint = str(error.get("galerne_code") or error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        code, hint = "unknown", ""
    return AnswerRefused(status=response.status_code, problem_code=code, hint=hint)
