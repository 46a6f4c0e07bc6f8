"""What the shared model of performance cannot answer."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class PerfError(GalerneError):
    """The shared model of performance cannot answer."""


@failure
class DoesNotFit(PerfError):
    """The model needs more memory than there is."""

    advice = (
        "Choose a smaller model (`galerne fit`), or load it anyway: `--load-anyway`, "
        "`GALERNE_LOAD_ANYWAY=1`, or the header `galerne-load: anyway`."
    )
    needed_bytes: int
    free_bytes: int
    smallest_fit: str | None = None
    model: str | None = None

    def __str__(self) -> str:
        needed, free = self.needed_bytes / 1e9, self.free_bytes / 1e9
        text = f"{self.model or 'This'} needs {needed:.2f} GB and {free:.2f} GB are free"
        return f"{text}; {self.smallest_fit} would fit" if self.smallest_fit else text
