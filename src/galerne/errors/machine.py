"""What cannot be read of this computer."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class MachineError(GalerneError):
    """This computer cannot be read."""


@failure
class MeterUnavailable(MachineError):
    """A power meter that cannot be read."""

    advice = "Answers are labelled `modelled` until a meter can be read; see `galerne doctor`."
    meter: str
    why: str
    how_to_grant: str | None = None

    def __str__(self) -> str:
        text = f"The meter {self.meter} cannot be read: {self.why}"
        return f"{text} ({self.how_to_grant})" if self.how_to_grant else text
