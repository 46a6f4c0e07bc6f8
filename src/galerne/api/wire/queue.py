"""The lines before the engines, as clients see them."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, Field

from galerne.fleet import QueueView


class QueueBody(BaseModel):
    """The line before one node."""

    node: str
    model: str
    n_slots: int = Field(description="Answers it writes at once.")
    n_active: int
    n_waiting: int
    waiting_tokens: float = Field(description="Expected of all who wait, prompts and answers.")
    first_token_s: float = Field(description="What somebody new would wait; by the shared model.")
    n_waiting_yours: int = Field(description="Of those who wait, how many came with your key.")
    n_waiting_by_key: dict[str, int] | None = Field(description="For an administrator; else null.")


class QueueList(BaseModel):
    """Every line."""

    data: list[QueueBody]


def queue_list(views: Iterable[QueueView], *, key: str, is_admin: bool) -> QueueList:
    """Lines for the wire; who waits is an administrator's business."""
    return QueueList(
        data=[
            QueueBody(
                node=view.node_id,
                model=view.model_id,
                n_slots=view.n_slots,
                n_active=view.n_active,
                n_waiting=view.n_waiting,
                waiting_tokens=view.waiting_tokens,
                first_token_s=view.first_token_s,
                n_waiting_yours=view.n_waiting_by_key.get(key, 0),
                n_waiting_by_key=dict(view.n_waiting_by_key) if is_admin else None,
            )
            for view in views
        ]
    )
