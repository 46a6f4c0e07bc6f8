"""What an answer has used so far, and how long it waited."""

from __future__ import annotations

from dataclasses import replace

from galerne.clock import Clock
from galerne.generation import Finished, PromptRead, TokenChunk, Usage


class Progress:
    """What an answer has used so far: the bill of one that does not reach its end."""

    def __init__(self, clock: Clock, *, queued_s: float) -> None:
        self._clock = clock
        self._queued_s = queued_s
        self._began_s = clock.monotonic_s()
        self._first_token_s: float | None = None
        self.prompt = PromptRead(prompt_tokens=0, cached_tokens=0)
        self.new_tokens = 0

    def note(self, event: PromptRead | TokenChunk) -> None:
        """The prompt has been read, or tokens came out."""
        if isinstance(event, PromptRead):
            self.prompt = event
            return
        if self._first_token_s is None:
            self._first_token_s = self._clock.monotonic_s()
        self.new_tokens += event.n_tokens

    def usage(self) -> Usage:
        """As if it ended now."""
        now_s = self._clock.monotonic_s()
        first_s = now_s if self._first_token_s is None else self._first_token_s
        return Usage(
            prompt_tokens=self.prompt.prompt_tokens,
            cached_tokens=self.prompt.cached_tokens,
            new_tokens=self.new_tokens,
            queued_s=self._queued_s,
            prefill_s=first_s - self._began_s,
            decode_s=now_s - first_s,
        )


def with_waiting(finished: Finished, waited_s: float) -> Finished:
    """The wait for a model to load is a part of the wait for an answer."""
    if not waited_s:
        return finished
    usage = finished.usage
    return replace(finished, usage=replace(usage, queued_s=usage.queued_s + waited_s))
