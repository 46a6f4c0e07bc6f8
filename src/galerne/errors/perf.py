"""What the shared model of performance cannot answer."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class PerfError(GalerneError):
    """The shared model of performance cannot answer."""


@failure
class DoesNotFit(PerfError):
    """The model needs more memory than there is."""

    advice = "Choose a smaller model or context; `galerne fit` shows what fits here."
    needed_bytes: int
    free_bytes: int
    smallest_fit: str | None = None

    def __str__(self) -> str:
        text = f"This needs {self.needed_bytes / 1e9:.2f} GB and {self.free_bytes / 1e9:.2f} GB are free"
        return f"{text}; {self.smallest_fit} would fit" if self.smallest_fit else text
