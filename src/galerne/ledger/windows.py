"""Windows of metered energy and the answers in flight, in memory: who was there and did what.

A window is open, then closed (its energy is known), then settled (its energy is shared for good). A closed
window waits for the prompts that were being read in it: what a prompt weighs is known only once it has been
read, and is then spread over the windows it was read in. Nothing here knows a meter, a thread or a database.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field

from galerne.generation import Usage
from galerne.ledger.attribution import WindowShares, attribute_window, decode_weight_j, prompt_weight_j
from galerne.ledger.records import Accounts, Settlement
from galerne.machine.meter import METHODS
from galerne.perf import StepWeights

MAX_WAITING = 600
"""Closed windows that may wait for a prompt; older ones are shared with what is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceleratorEnergy:
    """What of a window's energy the accelerators drew; each is at most the window's own."""

    active_uj: int = 0
    idle_uj: int = 0
    foreign_uj: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowEnergy:
    """What a window's meter counted.

    Attributes:
        duration_s: on the monotonic clock; the instants may jump with the computer's clock.
        active_uj: the part above idle that is ours.
        idle_uj: the part that the machine draws at rest.
        foreign_uj: the part above idle that other programs caused.
        accelerator: what of it the accelerators drew, by account; None where the meter does not tell.
        method: ``measured``, ``derived`` or ``modelled``.
        coverage_ratio: time the meter really covered.
    """

    started_at: float
    ended_at: float
    duration_s: float
    active_uj: int
    idle_uj: int
    method: str
    coverage_ratio: float
    foreign_uj: int = 0
    accelerator: AcceleratorEnergy | None = None

    @property
    def meter_uj(self) -> int:
        """All that the meter counted."""
        return self.active_uj + self.idle_uj + self.foreign_uj


@dataclass(slots=True)
class Flight:
    """An answer in the making.

    Attributes:
        began_s: on the monotonic clock.
        joined_s: the time share that had passed when it joined (see ``OpenWindows``).
        active_uj: settled so far; likewise ``idle_uj`` and ``device_s``.
        accelerator_uj: what of both the accelerators drew; None once a window could not tell.
    """

    answer_id: str
    request_id: str
    model_id: str
    weights: StepWeights
    began_at: float
    began_s: float
    joined_s: float = 0.0
    context_tokens: int = 0
    has_read: bool = False
    active_uj: int = 0
    idle_uj: int = 0
    device_s: float = 0.0
    method: str = METHODS[0]
    coverage_ratio: float = 1.0
    accelerator_uj: int | None = 0

    def settlement(self, *, revision: int, ended_at: float, at: float) -> Settlement:
        """What is settled so far, as the final word."""
        return Settlement(
            answer_id=self.answer_id,
            revision=revision,
            started_at=self.began_at,
            ended_at=ended_at,
            active_uj=self.active_uj,
            idle_uj=self.idle_uj,
            device_s=self.device_s,
            method=self.method,
            coverage_ratio=self.coverage_ratio,
            final=True,
            at=at,
            accelerator_uj=self.accelerator_uj,
        )


@dataclass(slots=True)
class Window:
    """One stretch of time. Dictionaries are by answer id.

    Attributes:
        shared_s: the running time share when it opened.
        loading: whether a model is being loaded.
        energy: once closed.
        weight_j: of all answers together.
        busy_s: time with an answer in flight.
        reading_s: how long each unread prompt has been read in it; empties as they are read.
        ended: answers that ended in it.
    """

    started_s: float
    shared_s: float
    loading: bool
    energy: WindowEnergy | None = None
    weight_j: float = 0.0
    busy_s: float = 0.0
    weights_j: dict[str, float] = field(default_factory=dict)
    presence_s: dict[str, float] = field(default_factory=dict)
    reading_s: dict[str, float] = field(default_factory=dict)
    ended: list[Flight] = field(default_factory=list)

    def add_weight(self, answer_id: str, weight_j: float) -> None:
        """Count work of an answer."""
        self.weights_j[answer_id] = self.weights_j.get(answer_id, 0.0) + weight_j
        self.weight_j += weight_j

    def active_ratio(self, answer_id: str) -> float:
        """An answer's part of the energy above idle, by what is known now."""
        if self.loading:
            return 0.0
        if self.weight_j > 0:
            return min(1.0, self.weights_j.get(answer_id, 0.0) / self.weight_j)
        return min(1.0, self.presence_s.get(answer_id, 0.0) / self.busy_s) if self.busy_s else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SettledWindow:
    """Where a window's energy went, and the answers that this completes.

    Attributes:
        accelerator: where went what the accelerators drew; None where the meter does not tell.
    """

    accounts: Accounts
    accelerator: Accounts | None
    finals: tuple[Settlement, ...]
    energy: WindowEnergy


class OpenWindows:
    """The open window, those that wait, and the answers in flight.

    While n answers are in flight each is given 1/n of the time. The running sum of that share since the
    beginning makes an answer's part of any window a difference of two values.
    """

    def __init__(self, *, now_s: float) -> None:
        self._now_s = now_s
        self._shared_s = 0.0  # integral of dt / n while n > 0
        self._present: dict[str, Flight] = {}
        self._unsettled: dict[str, Flight] = {}
        self._decoding: dict[str, int] = defaultdict(int)
        self._waiting: deque[Window] = deque()
        self._open = Window(started_s=now_s, shared_s=0.0, loading=False)
        self.open_uj = 0

    def is_in_flight(self, request_id: str) -> bool:
        """Whether a request has begun and not ended."""
        return request_id in self._present

    @property
    def is_quiet(self) -> bool:
        """Whether no answer was in flight in the open window so far, and no model is being loaded."""
        return not self._present and not self._open.busy_s and not self._open.loading

    def begin(self, flight: Flight, *, now_s: float) -> None:
        """An answer is being worked on from now."""
        self._advance(now_s)
        flight.joined_s = self._shared_s
        self._present[flight.request_id] = flight
        self._unsettled[flight.answer_id] = flight

    def read_prompt(self, request_id: str, *, prompt_tokens: int, cached_tokens: int, now_s: float) -> None:
        """A prompt has been read: its weight goes to the windows it was read in, by time."""
        self._advance(now_s)
        flight = self._present[request_id]
        if flight.has_read:
            raise ValueError(f"the prompt of {request_id} has been read already")
        self._weigh_prompt(flight, prompt_tokens=prompt_tokens, cached_tokens=cached_tokens)
        flight.has_read = True
        self._decoding[flight.model_id] += 1

    def generate(self, request_id: str, *, n_tokens: int) -> None:
        """Tokens came out of a sequence: as many decode steps it took part in."""
        flight = self._present[request_id]
        step_j = decode_weight_j(
            flight.weights,
            n_sequences=max(1, self._decoding[flight.model_id]),
            context_tokens=flight.context_tokens + n_tokens / 2,
        )
        flight.context_tokens += n_tokens
        self._open.add_weight(flight.answer_id, n_tokens * step_j)

    def end(self, request_id: str, usage: Usage, *, now_s: float) -> Flight:
        """An answer has ended, however it did; its last window stays open."""
        self._advance(now_s)
        flight = self._present[request_id]
        if flight.has_read:
            self._decoding[flight.model_id] -= 1
        else:
            self._weigh_prompt(flight, prompt_tokens=usage.prompt_tokens, cached_tokens=usage.cached_tokens)
        self._open.presence_s[flight.answer_id] = self._presence_s(flight)
        self._open.ended.append(flight)
        del self._present[request_id]
        return flight

    def expect(self, flight: Flight, peek: WindowEnergy, *, at: float) -> Settlement:
        """What an answer that just ended is likely to be charged: the first, provisional settlement.

        Args:
            flight: the answer.
            peek: energy of the open window until now.
            at: now.
        """
        active_uj, idle_uj, device_s = flight.active_uj, flight.idle_uj, flight.device_s
        method, coverage_ratio, accelerator_uj = flight.method, flight.coverage_ratio, flight.accelerator_uj
        for window in (*self._waiting, self._open):
            presence_s = window.presence_s.get(flight.answer_id)
            if presence_s is None:
                continue
            energy = window.energy or peek
            active_ratio = window.active_ratio(flight.answer_id)
            idle_ratio = presence_s / energy.duration_s if energy.duration_s else 0.0
            active_uj += int(energy.active_uj * active_ratio)
            idle_uj += int(energy.idle_uj * idle_ratio)
            if part := energy.accelerator:
                part_uj = int(part.active_uj * active_ratio) + int(part.idle_uj * idle_ratio)
            accelerator_uj = _known_sum(accelerator_uj, part_uj if part else None)
            device_s += presence_s
            method, coverage_ratio = _weakest(method, coverage_ratio, energy)
        return Settlement(
            answer_id=flight.answer_id,
            revision=1,
            started_at=flight.began_at,
            ended_at=peek.ended_at,
            active_uj=active_uj,
            idle_uj=idle_uj,
            device_s=device_s,
            method=method,
            coverage_ratio=coverage_ratio,
            final=False,
            at=at,
            accelerator_uj=accelerator_uj,
        )

    def close(self, energy: WindowEnergy, *, now_s: float, loading: bool) -> None:
        """Close the open window and open the next.

        Args:
            energy: what the meter counted in the window.
            now_s: its end.
            loading: whether a model is being loaded in the next window.
        """
        self._advance(now_s)
        window = self._open
        window.energy = energy
        for flight in self._present.values():
            window.presence_s[flight.answer_id] = self._presence_s(flight)
            if not flight.has_read:
                window.reading_s[flight.answer_id] = now_s - max(flight.began_s, window.started_s)
        self._waiting.append(window)
        self._open = Window(started_s=now_s, shared_s=self._shared_s, loading=loading)

    def settle(self, *, everything: bool = False) -> list[SettledWindow]:
        """Share closed windows for good, oldest first, until one still waits for a prompt.

        Args:
            everything: wait for no prompt: this is the end.
        """
        settled = []
        while self._waiting and (
            everything or len(self._waiting) > MAX_WAITING or not self._waiting[0].reading_s
        ):
            settled.append(self._settle_window(self._waiting.popleft()))
        return settled

    def _settle_window(self, window: Window) -> SettledWindow:
        energy = window.energy
        assert energy is not None  # noqa: S101  # only closed windows wait
        shares, of_accelerator = _share(window, energy)
        for answer_id, presence_s in window.presence_s.items():
            flight = self._unsettled[answer_id]
            flight.active_uj += shares.active_uj.get(answer_id, 0)
            flight.idle_uj += shares.idle_uj[answer_id]
            part_uj = None
            if of_accelerator is not None:
                part_uj = of_accelerator.active_uj.get(answer_id, 0) + of_accelerator.idle_uj[answer_id]
            flight.accelerator_uj = _known_sum(flight.accelerator_uj, part_uj)
            flight.device_s += presence_s
            flight.method, flight.coverage_ratio = _weakest(flight.method, flight.coverage_ratio, energy)
        finals = tuple(
            self._unsettled.pop(flight.answer_id).settlement(
                revision=2, ended_at=energy.ended_at, at=energy.ended_at
            )
            for flight in window.ended
        )
        accounts = _accounts(shares, energy, loading=window.loading)
        self.open_uj += accounts.answers_uj - sum(final.total_uj for final in finals)
        return SettledWindow(
            accounts=accounts,
            accelerator=_accounts(of_accelerator, energy.accelerator, loading=window.loading)
            if of_accelerator and energy.accelerator
            else None,
            finals=finals,
            energy=energy,
        )

    def _advance(self, now_s: float) -> None:
        elapsed_s = now_s - self._now_s
        if self._present:
            self._shared_s += elapsed_s / len(self._present)
            self._open.busy_s += elapsed_s
        self._now_s = now_s

    def _presence_s(self, flight: Flight) -> float:
        """Its share of the open window's time until now."""
        return self._shared_s - max(flight.joined_s, self._open.shared_s)

    def _weigh_prompt(self, flight: Flight, *, prompt_tokens: int, cached_tokens: int) -> None:
        weight_j = prompt_weight_j(flight.weights, prompt_tokens=prompt_tokens, cached_tokens=cached_tokens)
        flight.context_tokens = prompt_tokens
        whole_s = self._now_s - flight.began_s
        left_j = weight_j
        for window in self._waiting:
            reading_s = window.reading_s.pop(flight.answer_id, None)
            if reading_s is not None and whole_s > 0:
                window.add_weight(flight.answer_id, weight_j * reading_s / whole_s)
                left_j -= weight_j * reading_s / whole_s
        self._open.add_weight(flight.answer_id, max(0.0, left_j))


def _share(window: Window, energy: WindowEnergy) -> tuple[WindowShares, WindowShares | None]:
    """The shares of a window, and the accelerators' part of them: host and accelerators are shared apart."""

    def share(active_uj: int, idle_uj: int) -> WindowShares:
        active_uj = 0 if window.loading else active_uj
        return attribute_window(
            active_uj, idle_uj, window.weights_j, window.presence_s, duration_s=energy.duration_s
        )

    part = energy.accelerator
    if part is None:
        return share(energy.active_uj, energy.idle_uj), None
    of_accelerator = share(part.active_uj, part.idle_uj)
    host = share(energy.active_uj - part.active_uj, energy.idle_uj - part.idle_uj)
    return host + of_accelerator, of_accelerator


def _accounts(shares: WindowShares, energy: WindowEnergy | AcceleratorEnergy, *, loading: bool) -> Accounts:
    """Where the energy of a window, or of its accelerators, went."""
    return Accounts(
        answers_uj=sum(shares.active_uj.values()) + sum(shares.idle_uj.values()),
        idle_uj=shares.vacant_idle_uj,
        loading_uj=energy.active_uj if loading else 0,
        foreign_uj=energy.foreign_uj,
        unattributed_uj=shares.unattributed_uj,
        meter_uj=energy.active_uj + energy.idle_uj + energy.foreign_uj,
    )


def _known_sum(one: int | None, other: int | None) -> int | None:
    """The sum; unknown where either is."""
    return None if one is None or other is None else one + other


def _weakest(method: str, coverage_ratio: float, energy: WindowEnergy) -> tuple[str, float]:
    return (
        max(method, energy.method, key=METHODS.index),
        min(coverage_ratio, energy.coverage_ratio),
    )
