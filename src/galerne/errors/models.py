"""Model files that cannot be used."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class ModelError(GalerneError):
    """A model file cannot be used."""


@failure
class ModelFileMissing(ModelError):
    """The model is known but its file is not on this disk."""

    advice = "Put the GGUF file in the models folder, or use the built-in model."
    sentence = "The file of {model_id} is not at {path}"
    model_id: str
    path: str


@failure
class InvalidModelFile(ModelError):
    """The file is not what it says it is."""

    advice = "Fetch the file again; it is damaged or not a GGUF model."
    sentence = "{path} is not a usable GGUF model: {problem}"
    path: str
    problem: str
