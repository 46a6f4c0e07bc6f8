"""What every request for new tokens may say, in both dialects' words."""

from __future__ import annotations

from dataclasses import replace

from pydantic import ConfigDict

from galerne.api.wire.shared import (
    LeastTokens,
    LogitBias,
    Model,
    Penalty,
    Seed,
    StreamOptions,
    Temperature,
    TextOrTexts,
    TokenLimit,
    TopP,
    Wire,
    agreed,
    biases_of,
    stops_of,
)
from galerne.generation import Sampling


class SampledRequest(Wire):
    """A request for new tokens."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    model: Model
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    max_tokens: TokenLimit | None = None
    min_tokens: LeastTokens | None = None
    stop: TextOrTexts | None = None
    seed: Seed | None = None
    random_seed: Seed | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: LogitBias | None = None

    @property
    def usage_apart(self) -> bool:
        """Whether usage is to come in a chunk of its own."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def sampling(self) -> Sampling:
        """How tokens are drawn.

        Raises:
            InvalidRequest: two names of one field disagree, or a stop text cannot be one.
        """
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            max_new_tokens=self.max_tokens,
            min_new_tokens=self.min_tokens or None,
            stop=stops_of(self.stop),
            seed=agreed(self, "seed", "random_seed"),
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            logit_bias=biases_of(self.logit_bias),
        )


def reseeded(sampling: Sampling, index: int) -> Sampling:
    """The same for another of several answers: each has a seed of its own."""
    return sampling if sampling.seed is None else replace(sampling, seed=sampling.seed + index)
