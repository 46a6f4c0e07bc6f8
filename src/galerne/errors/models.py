"""Model files that cannot be used or fetched."""

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


@failure
class HubUnreachable(ModelError):
    """The hub of models does not answer, or the connection to it ended."""

    advice = "Check the network, or set GALERNE_HUB to a mirror; the same command continues where it stopped."
    sentence = "{address} does not answer: {problem}"
    address: str
    problem: str


@failure
class HubRefused(ModelError):
    """The hub answers, and does not give this."""

    advice = "Check the name; for a model behind a licence, accept it on its page and set HF_TOKEN."
    sentence = "{address} does not give {name}: {problem}"
    address: str
    name: str
    problem: str


@failure
class Offline(ModelError):
    """This needs the network, and Galerne is told to stay offline."""

    advice = "Unset GALERNE_OFFLINE, leave out --offline, or copy the file into the models folder."
    sentence = "{name} would have to be fetched from {address}, and Galerne is set to stay offline"
    name: str
    address: str


@failure
class DiskFull(ModelError):
    """There is no room on the disk for a model file."""

    advice = "Make room, or set GALERNE_MODELS to another disk; the same command continues where it stopped."
    sentence = "{needed_bytes:,} bytes are needed in {folder} and {free_bytes:,} are free"
    folder: str
    needed_bytes: int
    free_bytes: int


@failure
class DownloadCorrupt(ModelError):
    """What was fetched is not what the hub says it is."""

    advice = "Try again later or with another mirror (GALERNE_HUB); nothing of it was kept."
    sentence = "{name} has the checksum {found} and should have {expected}"
    name: str
    expected: str
    found: str


@failure
class ModelKept(ModelError):
    """The model is left as it is: in use, built in, or another program's."""

    advice = "Stop what uses it first; a model of another program is removed with that program."
    sentence = "{model_id} is left as it is: {problem}"
    model_id: str
    problem: str
