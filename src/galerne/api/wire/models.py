"""Model cards, with the fields that Mistral's clients insist on."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from galerne.fleet import Presence, ServedModel


class Capabilities(BaseModel):
    """What a model can be asked for, in Mistral's words, and whether it makes vectors.

    ``function_calling`` is about calls of its own accord: a call that must be made every model makes.
    """

    completion_chat: bool = True
    embedding: bool = False
    completion_fim: bool = False
    function_calling: bool = False
    reasoning: bool = False
    fine_tuning: bool = False
    vision: bool = False
    ocr: bool = False
    classification: bool = False
    moderation: bool = False
    audio: bool = False


class ModelCard(BaseModel):
    """A model of this server. ``n_parameters`` is ours: it tells a client what it may expect of the model."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "galerne"
    name: str
    type: Literal["base"] = "base"
    capabilities: Capabilities
    max_context_length: int
    n_parameters: int | None = None
    aliases: list[str]
    state: Presence = Field(
        default=Presence.LOADED, description="Whether it answers at once, or is loaded first."
    )


class ModelList(BaseModel):
    """The models of this server."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


def model_card(model: ServedModel) -> ModelCard:
    """The card of a model."""
    return ModelCard(
        id=model.model_id,
        created=int(model.created_at),
        name=model.name,
        capabilities=Capabilities(
            completion_chat=model.abilities.chat,
            completion_fim=model.abilities.infill,
            function_calling=model.abilities.tools,
            reasoning=model.abilities.thinking,
            embedding=model.abilities.embedding,
            vision=model.abilities.vision,
        ),
        max_context_length=model.context_tokens,
        n_parameters=None if model.n_parameters is None else int(model.n_parameters),
        aliases=list(model.aliases),
        state=model.presence,
    )
