"""Faults of the stores on disk."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class StorageError(GalerneError):
    """A fault of the stores on disk."""


@failure
class StoreUnreachable(StorageError):
    """The database does not open or answer."""

    advice = "Check that the data folder is writable and the disk is not full."
    sentence = "The {store} store cannot be reached: {problem}"
    store: str
    problem: str


@failure
class DataFolderBusy(StorageError):
    """Another daemon owns this data folder."""

    advice = "Use the running daemon, stop it, or set GALERNE_HOME to another folder."
    sentence = "The data folder {folder} is in use by process {owner_pid}"
    folder: str
    owner_pid: int
