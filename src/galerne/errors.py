"""Everything that can go wrong outside our own code, as one tree.

    GalerneError                       code, advice, typed facts, one sentence, survives pickling
    ├── CatalogError
    │   ├── InvalidFact                a catalogue row that must not load
    │   └── UnknownId                  no row of that name; names the nearest
    ├── StorageError
    │   ├── StoreUnreachable           the database does not open or answer
    │   └── DataFolderBusy             another daemon owns this data folder
    ├── PerfError
    │   └── DoesNotFit                 the model needs more memory than there is
    ├── MachineError
    │   └── MeterUnavailable           a power meter that cannot be read
    ├── GridError
    │   └── NoSignal                   no carbon, water or price figure for this zone
    ├── ModelError
    │   ├── ModelFileMissing           the model is known but its file is not on this disk
    │   └── InvalidModelFile           the file is not what it says it is
    ├── EngineError
    │   ├── EngineMissing              the engine is not installed or does not start
    │   ├── EngineCrashed              the engine process died
    │   ├── EngineRefused              the engine answered with an error of its own
    │   ├── ContextTooLong             prompt and answer exceed the context
    │   ├── AbilityMissing             the model cannot do this at all
    │   └── Overloaded                 no free place in the queue
    ├── LedgerError
    │   ├── EntryConflict              an event with this id is already written, and differs
    │   ├── UnknownReceipt             no receipt with this id
    │   ├── UnknownKey                 no key with this id or name
    │   ├── KeyNameTaken               another key has this name
    │   ├── LedgerBroken               an event is not what was written; names the first one
    │   └── LedgerNotEmpty             a backup is restored into an empty ledger only
    ├── FleetError
    │   └── NoNode                     no node can take this request; says why for each
    ├── ApiError
    │   ├── InvalidRequest             the request does not say what we can do
    │   ├── InvalidMessageOrder        turns that leave nothing to answer, or calls without results
    │   ├── ForbiddenField             a field that Mistral's API does not know, where strictness is asked for
    │   ├── UnknownModel               no such model here; names the nearest
    │   ├── Unauthorized               a key is needed and this is not one
    │   ├── OutOfScope                 the key is good, but not for this
    │   ├── QuotaExhausted             a limit on requests, tokens, energy, carbon or money is reached
    │   ├── Forbidden                  a page of another site, or a host name that is not ours
    │   ├── UnknownRoute               nothing is served at that path, or not with that method
    │   ├── RequestTooLarge            the body exceeds the limit
    │   ├── PortInUse                  something else listens on that address
    │   └── ServerUnreachable          no Galerne daemon answers at that address
    ├── SiteError
    │   ├── InvalidScenario            the scenario file says something impossible
    │   └── Infeasible                 no plan meets the objective; names the binding constraint
    ├── SettingError
    │   └── InvalidSetting             an environment variable says what cannot be
    └── ChatError
        ├── UnknownConversation        no conversation with this id
        └── AnswerRefused              the API answered the assistant with an error of its own

Our own mistakes stay ``ValueError``, ``TypeError`` or ``assert``. What is merely degraded is not an error:
a meter that cannot read yields ``method="modelled"``. No text of a prompt ever enters an error: sizes and
ids only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar, dataclass_transform

E = TypeVar("E", bound="GalerneError")


@dataclass_transform(kw_only_default=True, eq_default=False)
def failure(cls: type[E]) -> type[E]:
    """Make a leaf of the tree: typed facts by keyword, compared by identity as exceptions are."""
    return dataclass(kw_only=True, eq=False)(cls)


def _rebuild(cls: type[GalerneError], facts: dict[str, Any]) -> GalerneError:
    return cls(**facts)


@dataclass(kw_only=True, eq=False)
class GalerneError(Exception):
    """Root of every failure that is not our own mistake.

    Attributes:
        code: stable identifier, for programs; made from the class name.
        advice: one sentence on what to do next, for people.
        sentence: what happened, with the facts in braces.
    """

    code: ClassVar[str] = "galerne_error"
    advice: ClassVar[str] = "Please report this with the output of `galerne doctor`."
    sentence: ClassVar[str] = "Something failed"

    def __init_subclass__(cls) -> None:
        """The code is the name: ``ContextTooLong`` is ``context_too_long``, for ever."""
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def facts(self) -> dict[str, Any]:
        """The typed facts of this failure, as they were given."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by facts: keyword-only constructors do not survive the default."""
        return (_rebuild, (type(self), self.facts()))

    def __str__(self) -> str:
        facts = self.facts()
        nearest = facts.get("nearest")
        return self.sentence.format_map(facts) + (f"; did you mean {nearest!r}?" if nearest else "")


class CatalogError(GalerneError):
    """A fault in the tables of facts."""


@failure
class InvalidFact(CatalogError):
    """A catalogue row that must not load."""

    advice = "Correct the row named here; every number needs a known source."
    sentence = "{path}: {problem}"
    path: str
    problem: str


@failure
class UnknownId(CatalogError):
    """No catalogue row of that name."""

    advice = "`galerne catalog list` shows every known id."
    sentence = "There is no {kind} {id!r}"
    kind: str
    id: str
    nearest: str | None = None


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


class GridError(GalerneError):
    """The electricity signal cannot be had."""


@failure
class NoSignal(GridError):
    """No carbon, water or price figure for this zone."""

    advice = "Set GALERNE_ZONE to a zone that `galerne catalog list zones` shows."
    sentence = "No {what} is known for the zone {zone!r}"
    zone: str
    what: str
    nearest: str | None = None


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


class EngineError(GalerneError):
    """The engine cannot run the model."""


@failure
class EngineMissing(EngineError):
    """The engine is not installed or does not start."""

    advice = "Run `galerne doctor`; it prints the command that installs the engine."
    sentence = "The engine {engine} does not start: {install_hint}"
    engine: str
    install_hint: str


@failure
class EngineCrashed(EngineError):
    """The engine process died."""

    advice = "Ask again; the engine is being restarted."
    sentence = "The engine {engine} stopped (exit code {exit_code})"
    engine: str
    exit_code: int | None
    tail: str = ""


@failure
class EngineRefused(EngineError):
    """The engine answered with an error of its own."""

    advice = "Check the parameters of the request."
    sentence = "The engine {engine} refused the request ({status}): {problem}"
    engine: str
    status: int
    problem: str


@failure
class ContextTooLong(EngineError):
    """Prompt and answer exceed the context."""

    advice = "Shorten the conversation or load the model with a larger context."
    sentence = "The prompt has {prompt_tokens} tokens and the context holds {context_tokens}"
    prompt_tokens: int
    context_tokens: int


@failure
class AbilityMissing(EngineError):
    """The model cannot do this at all."""

    advice = "GET /v1/models shows what each model can do, under `capabilities`."
    sentence = "{ability} is not enabled for this model"  # Mistral's own sentence
    ability: str
    model: str


@failure
class Overloaded(EngineError):
    """No free place in the queue."""

    advice = "Wait the number of seconds given in Retry-After, then ask again."
    sentence = "{n_waiting} requests are waiting already; retry in {retry_after_s:.0f} s"
    n_waiting: int
    retry_after_s: float


class LedgerError(GalerneError):
    """The accounts refuse an entry."""


@failure
class EntryConflict(LedgerError):
    """An event with this id is already written, and differs."""

    advice = "Events are immutable; use a new id."
    sentence = "The event {entry_id} is already in the ledger with other contents"
    entry_id: str


@failure
class UnknownReceipt(LedgerError):
    """No receipt with this id."""

    advice = "The id is in the `galerne-receipt` header of the answer."
    sentence = "There is no receipt {receipt_id!r}"
    receipt_id: str


@failure
class UnknownKey(LedgerError):
    """No key with this id or name."""

    advice = "`galerne key list` shows every key."
    sentence = "There is no key {key!r}"
    key: str
    nearest: str | None = None


@failure
class KeyNameTaken(LedgerError):
    """Another key has this name."""

    advice = "Choose another name, or `galerne key rotate` the key that has it."
    sentence = "There is a key named {name!r} already"
    name: str


@failure
class LedgerBroken(LedgerError):
    """An event is not what was written; names the first one."""

    advice = (
        "Restore the last good backup with `galerne ledger restore`, and find out who changed the ledger."
    )
    sentence = "The chain of {writer_id} is broken at event {position} ({event_id}): {problem}"
    writer_id: str
    position: int
    event_id: str
    problem: str


@failure
class LedgerNotEmpty(LedgerError):
    """A backup is restored into an empty ledger only."""

    advice = "Restore into another folder by GALERNE_HOME, or move the ledger there is away first."
    sentence = "The ledger already holds {n_events} events"
    n_events: int


class FleetError(GalerneError):
    """No node can serve."""


@failure
class NoNode(FleetError):
    """No node can take this request; says why for each."""

    advice = "Start a model with `galerne serve`, or wait until a node is ready."
    rejected: dict[str, str]

    def __str__(self) -> str:
        reasons = "; ".join(f"{node}: {reason}" for node, reason in self.rejected.items())
        return f"No node can take this request ({reasons or 'there is none'})"


class ApiError(GalerneError):
    """What a client asked cannot be done."""


@failure
class InvalidRequest(ApiError):
    """The request does not say what we can do."""

    advice = "Correct the field named here; the reference is in docs/reference/api.md."
    sentence = "{path}: {problem}"
    path: str
    problem: str


@failure
class InvalidMessageOrder(ApiError):
    """The turns of a conversation leave nothing to answer, or calls and results do not match."""

    advice = "End with a question, or with one result for each call; or set `prefix` on the last message."
    sentence = "{problem}"  # Mistral's own sentences
    path: str
    problem: str


@failure
class ForbiddenField(ApiError):
    """A field that Mistral's API does not know, where the request asks for its strictness."""

    advice = "Leave the field out, or the header `galerne-strict`."
    sentence = "{path}: Extra inputs are not permitted"
    path: str


@failure
class UnknownModel(ApiError):
    """No such model here; names the nearest."""

    advice = "GET /v1/models lists the models of this server."
    sentence = "The model {model!r} is not on this server"
    model: str
    nearest: str | None = None


@failure
class Unauthorized(ApiError):
    """A key is needed and this is not one."""

    advice = "Send `Authorization: Bearer KEY`; `galerne key create` on the server makes one."
    sentence = "{why}"
    why: str


@failure
class OutOfScope(ApiError):
    """The key is good, but not for this."""

    advice = "Ask whoever runs this server for a key with that scope."
    sentence = "This API key may not {what}"
    what: str


@failure
class QuotaExhausted(ApiError):
    """A limit on requests, tokens, energy, carbon or money is reached.

    Attributes:
        limit: what may be used in the period, in the unit.
        subject: whose limit it is: ``key:ID``, ``user:NAME``, ``project:NAME`` or ``model:ID``.
        held: for answers in flight, at their worst case.
        needed: what this request may need at worst.
        reset_at: when the next period begins; None for a limit in total.
        retry_after_s: when this request can be admitted; None where waiting does not help.
    """

    advice = "Wait the seconds given in Retry-After; without it ask for fewer tokens, or for a higher limit."
    limit: float
    unit: str
    period: str
    subject: str
    spent: float
    held: float
    needed: float
    reset_at: float | None
    retry_after_s: float | None

    def __str__(self) -> str:
        left = max(0.0, self.limit - self.spent - self.held)
        span = "in total" if self.period == "total" else f"per {self.period}"
        return (
            f"The limit of {self.limit:.7g} {self.unit} {span} for {self.subject} leaves {left:.7g}; "
            f"this request may need {self.needed:.7g}"
        )


@failure
class Forbidden(ApiError):
    """A page of another site asks, or the request names a host that is not ours."""

    advice = "Open the page at the address that `galerne serve` printed."
    sentence = "{why}"
    why: str


@failure
class UnknownRoute(ApiError):
    """Nothing is served at that path, or not with that method."""

    advice = "GET /openapi.json lists every route of this server."
    method: str
    path: str
    allowed: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.allowed:
            return f"{self.path} answers {', '.join(self.allowed)}, not {self.method}"
        return f"Nothing is served at {self.path}"


@failure
class RequestTooLarge(ApiError):
    """The body exceeds the limit."""

    advice = "Send a smaller request."
    sentence = "The body of a request may have {limit_bytes} bytes; this one has more"
    limit_bytes: int


@failure
class PortInUse(ApiError):
    """Something else listens on that address."""

    advice = "Stop the other program or choose another port with --port."
    sentence = "The address {host}:{port} is already in use"
    host: str
    port: int


@failure
class ServerUnreachable(ApiError):
    """No Galerne daemon answers at that address."""

    advice = "Start one with `galerne serve`."
    sentence = "No Galerne answers at {address}: {problem}"
    address: str
    problem: str


class SiteError(GalerneError):
    """A site cannot be planned."""


@failure
class InvalidScenario(SiteError):
    """The scenario file says something impossible."""

    advice = "Compare with examples/essonne.toml; each key is explained there."
    sentence = "{path}: {problem}"
    path: str
    problem: str


@failure
class Infeasible(SiteError):
    """No plan meets the objective; names the binding constraint."""

    advice = "Relax the constraint named here, or give the site more of it."
    sentence = "The plan fails on {binding_constraint}: needed {needed:.4g} {unit}, available {available:.4g}"
    binding_constraint: str
    needed: float
    available: float
    unit: str


class SettingError(GalerneError):
    """The settings cannot be."""


@failure
class InvalidSetting(SettingError):
    """An environment variable says what cannot be."""

    advice = "docs/reference/settings.md lists every variable and what it may say."
    sentence = "{name}: {problem}"
    name: str
    problem: str


class ChatError(GalerneError):
    """The assistant cannot do this."""


@failure
class UnknownConversation(ChatError):
    """No conversation with this id."""

    advice = "Go back to the list of conversations."
    sentence = "There is no conversation {conversation_id!r}"
    conversation_id: str


@failure
class AnswerRefused(ChatError):
    """The API answered the assistant with an error of its own."""

    advice = "Follow the hint of the API; `galerne doctor` checks the rest."
    sentence = "The API refused ({status}, {problem_code})"
    status: int
    problem_code: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{super().__str__()}: {self.hint}" if self.hint else super().__str__()


def leaves(root: type[GalerneError] = GalerneError) -> list[type[GalerneError]]:
    """Every concrete error class below ``root``, in the order of definition."""
    found: list[type[GalerneError]] = []
    for child in root.__subclasses__():
        found.extend(leaves(child) if child.__subclasses__() else [child])
    return found
