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
    │   └── Overloaded                 no free place in the queue
    ├── LedgerError
    │   ├── EntryConflict              an event with this id is already written, and differs
    │   └── UnknownReceipt             no receipt with this id
    ├── FleetError
    │   └── NoNode                     no node can take this request; says why for each
    ├── ApiError
    │   ├── InvalidRequest             the request does not say what we can do
    │   ├── UnknownModel               no such model here; names the nearest
    │   ├── Unauthorized               a key is needed and this is not one
    │   ├── PortInUse                  something else listens on that address
    │   └── ServerUnreachable          no Galerne daemon answers at that address
    ├── SiteError
    │   ├── InvalidScenario            the scenario file says something impossible
    │   └── Infeasible                 no plan meets the objective; names the binding constraint
    └── ChatError
        └── UnknownConversation        no conversation with this id

Our own mistakes stay ``ValueError``, ``TypeError`` or ``assert``. What is merely degraded is not an error:
a meter that cannot read yields ``method="modelled"``. No text of a prompt ever enters an error: sizes and
ids only.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar


def _rebuild(cls: type[GalerneError], facts: dict[str, Any]) -> GalerneError:
    return cls(**facts)


@dataclass(kw_only=True, eq=False)
class GalerneError(Exception):
    """Root of every failure that is not our own mistake.

    Attributes:
        code: stable identifier, for programs.
        advice: one sentence on what to do next, for people.
    """

    code: ClassVar[str] = "galerne_error"
    advice: ClassVar[str] = "Please report this with the output of `galerne doctor`."

    def facts(self) -> dict[str, Any]:
        """The typed facts of this failure, as they were given."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by facts: keyword-only constructors do not survive the default."""
        return (_rebuild, (type(self), self.facts()))

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value!r}" for name, value in self.facts().items())
        return f"{self.code}({facts})"


class CatalogError(GalerneError):
    """A fault in the tables of facts."""


@dataclass(kw_only=True, eq=False)
class InvalidFact(CatalogError):
    """A catalogue row that must not load."""

    code: ClassVar[str] = "invalid_fact"
    advice: ClassVar[str] = "Correct the row named here; every number needs a known source."
    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


@dataclass(kw_only=True, eq=False)
class UnknownId(CatalogError):
    """No catalogue row of that name."""

    code: ClassVar[str] = "unknown_id"
    advice: ClassVar[str] = "`galerne catalog list` shows every known id."
    kind: str
    id: str
    nearest: str | None = None

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"There is no {self.kind} {self.id!r}{hint}"


class StorageError(GalerneError):
    """A fault of the stores on disk."""


@dataclass(kw_only=True, eq=False)
class StoreUnreachable(StorageError):
    """The database does not open or answer."""

    code: ClassVar[str] = "store_unreachable"
    advice: ClassVar[str] = "Check that the data folder is writable and the disk is not full."
    store: str
    problem: str

    def __str__(self) -> str:
        return f"The {self.store} store cannot be reached: {self.problem}"


@dataclass(kw_only=True, eq=False)
class DataFolderBusy(StorageError):
    """Another daemon owns this data folder."""

    code: ClassVar[str] = "data_folder_busy"
    advice: ClassVar[str] = "Use the running daemon, stop it, or set GALERNE_HOME to another folder."
    folder: str
    owner_pid: int

    def __str__(self) -> str:
        return f"The data folder {self.folder} is in use by process {self.owner_pid}"


class PerfError(GalerneError):
    """The shared model of performance cannot answer."""


@dataclass(kw_only=True, eq=False)
class DoesNotFit(PerfError):
    """The model needs more memory than there is."""

    code: ClassVar[str] = "does_not_fit"
    advice: ClassVar[str] = "Choose a smaller model or context; `galerne fit` shows what fits here."
    needed_bytes: int
    free_bytes: int
    smallest_fit: str | None = None

    def __str__(self) -> str:
        text = f"This needs {self.needed_bytes / 1e9:.2f} GB and {self.free_bytes / 1e9:.2f} GB are free"
        return f"{text}; {self.smallest_fit} would fit" if self.smallest_fit else text


class MachineError(GalerneError):
    """This computer cannot be read."""


@dataclass(kw_only=True, eq=False)
class MeterUnavailable(MachineError):
    """A power meter that cannot be read."""

    code: ClassVar[str] = "meter_unavailable"
    advice: ClassVar[str] = "Answers are labelled `modelled` until a meter can be read; see `galerne doctor`."
    meter: str
    why: str
    how_to_grant: str | None = None

    def __str__(self) -> str:
        text = f"The meter {self.meter} cannot be read: {self.why}"
        return f"{text} ({self.how_to_grant})" if self.how_to_grant else text


class GridError(GalerneError):
    """The electricity signal cannot be had."""


@dataclass(kw_only=True, eq=False)
class NoSignal(GridError):
    """No carbon, water or price figure for this zone."""

    code: ClassVar[str] = "no_signal"
    advice: ClassVar[str] = "Set GALERNE_ZONE to a zone that `galerne catalog list zones` shows."
    zone: str
    what: str
    nearest: str | None = None

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"No {self.what} is known for the zone {self.zone!r}{hint}"


class ModelError(GalerneError):
    """A model file cannot be used."""


@dataclass(kw_only=True, eq=False)
class ModelFileMissing(ModelError):
    """The model is known but its file is not on this disk."""

    code: ClassVar[str] = "model_file_missing"
    advice: ClassVar[str] = "Put the GGUF file in the models folder, or use the built-in model."
    model_id: str
    path: str

    def __str__(self) -> str:
        return f"The file of {self.model_id} is not at {self.path}"


@dataclass(kw_only=True, eq=False)
class InvalidModelFile(ModelError):
    """The file is not what it says it is."""

    code: ClassVar[str] = "invalid_model_file"
    advice: ClassVar[str] = "Fetch the file again; it is damaged or not a GGUF model."
    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path} is not a usable GGUF model: {self.problem}"


class EngineError(GalerneError):
    """The engine cannot run the model."""


@dataclass(kw_only=True, eq=False)
class EngineMissing(EngineError):
    """The engine is not installed or does not start."""

    code: ClassVar[str] = "engine_missing"
    advice: ClassVar[str] = "Run `galerne doctor`; it prints the command that installs the engine."
    engine: str
    install_hint: str

    def __str__(self) -> str:
        return f"The engine {self.engine} does not start: {self.install_hint}"


@dataclass(kw_only=True, eq=False)
class EngineCrashed(EngineError):
    """The engine process died."""

    code: ClassVar[str] = "engine_crashed"
    advice: ClassVar[str] = "Ask again; the engine is being restarted."
    engine: str
    exit_code: int | None
    tail: str = ""

    def __str__(self) -> str:
        return f"The engine {self.engine} stopped (exit code {self.exit_code})"


@dataclass(kw_only=True, eq=False)
class EngineRefused(EngineError):
    """The engine answered with an error of its own."""

    code: ClassVar[str] = "engine_refused"
    advice: ClassVar[str] = "Check the parameters of the request."
    engine: str
    status: int
    problem: str

    def __str__(self) -> str:
        return f"The engine {self.engine} refused the request ({self.status}): {self.problem}"


@dataclass(kw_only=True, eq=False)
class ContextTooLong(EngineError):
    """Prompt and answer exceed the context."""

    code: ClassVar[str] = "context_too_long"
    advice: ClassVar[str] = "Shorten the conversation or load the model with a larger context."
    prompt_tokens: int
    context_tokens: int

    def __str__(self) -> str:
        return f"The prompt has {self.prompt_tokens} tokens and the context holds {self.context_tokens}"


@dataclass(kw_only=True, eq=False)
class Overloaded(EngineError):
    """No free place in the queue."""

    code: ClassVar[str] = "overloaded"
    advice: ClassVar[str] = "Wait the number of seconds given in Retry-After, then ask again."
    n_waiting: int
    retry_after_s: float

    def __str__(self) -> str:
        return f"{self.n_waiting} requests are waiting already; retry in {self.retry_after_s:.0f} s"


class LedgerError(GalerneError):
    """The accounts refuse an entry."""


@dataclass(kw_only=True, eq=False)
class EntryConflict(LedgerError):
    """An event with this id is already written, and differs."""

    code: ClassVar[str] = "entry_conflict"
    advice: ClassVar[str] = "Events are immutable; use a new id."
    entry_id: str

    def __str__(self) -> str:
        return f"The event {self.entry_id} is already in the ledger with other contents"


@dataclass(kw_only=True, eq=False)
class UnknownReceipt(LedgerError):
    """No receipt with this id."""

    code: ClassVar[str] = "unknown_receipt"
    advice: ClassVar[str] = "The id is in the `galerne-receipt` header of the answer."
    receipt_id: str

    def __str__(self) -> str:
        return f"There is no receipt {self.receipt_id!r}"


class FleetError(GalerneError):
    """No node can serve."""


@dataclass(kw_only=True, eq=False)
class NoNode(FleetError):
    """No node can take this request; says why for each."""

    code: ClassVar[str] = "no_node"
    advice: ClassVar[str] = "Start a model with `galerne serve`, or wait until a node is ready."
    rejected: dict[str, str]

    def __str__(self) -> str:
        reasons = "; ".join(f"{node}: {reason}" for node, reason in self.rejected.items())
        return f"No node can take this request ({reasons or 'there is none'})"


class ApiError(GalerneError):
    """What a client asked cannot be done."""


@dataclass(kw_only=True, eq=False)
class InvalidRequest(ApiError):
    """The request does not say what we can do."""

    code: ClassVar[str] = "invalid_request"
    advice: ClassVar[str] = "Correct the field named here; the reference is in docs/reference/api.md."
    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


@dataclass(kw_only=True, eq=False)
class UnknownModel(ApiError):
    """No such model here; names the nearest."""

    code: ClassVar[str] = "unknown_model"
    advice: ClassVar[str] = "GET /v1/models lists the models of this server."
    model: str
    nearest: str | None = None

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"The model {self.model!r} is not on this server{hint}"


@dataclass(kw_only=True, eq=False)
class Unauthorized(ApiError):
    """A key is needed and this is not one."""

    code: ClassVar[str] = "unauthorized"
    advice: ClassVar[str] = "Send `Authorization: Bearer KEY` with the key this server was started with."
    why: str

    def __str__(self) -> str:
        return self.why


@dataclass(kw_only=True, eq=False)
class PortInUse(ApiError):
    """Something else listens on that address."""

    code: ClassVar[str] = "port_in_use"
    advice: ClassVar[str] = "Stop the other program or choose another port with --port."
    host: str
    port: int

    def __str__(self) -> str:
        return f"The address {self.host}:{self.port} is already in use"


@dataclass(kw_only=True, eq=False)
class ServerUnreachable(ApiError):
    """No Galerne daemon answers at that address."""

    code: ClassVar[str] = "server_unreachable"
    advice: ClassVar[str] = "Start one with `galerne serve`."
    address: str
    problem: str

    def __str__(self) -> str:
        return f"No Galerne answers at {self.address}: {self.problem}"


class SiteError(GalerneError):
    """A site cannot be planned."""


@dataclass(kw_only=True, eq=False)
class InvalidScenario(SiteError):
    """The scenario file says something impossible."""

    code: ClassVar[str] = "invalid_scenario"
    advice: ClassVar[str] = "Compare with examples/essonne.toml; each key is explained there."
    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


@dataclass(kw_only=True, eq=False)
class Infeasible(SiteError):
    """No plan meets the objective; names the binding constraint."""

    code: ClassVar[str] = "infeasible"
    advice: ClassVar[str] = "Relax the constraint named here, or give the site more of it."
    binding_constraint: str
    needed: float
    available: float
    unit: str

    def __str__(self) -> str:
        return (
            f"The plan fails on {self.binding_constraint}: it needs {self.needed:.4g} {self.unit} "
            f"and has {self.available:.4g} {self.unit}"
        )


class ChatError(GalerneError):
    """The assistant cannot do this."""


@dataclass(kw_only=True, eq=False)
class UnknownConversation(ChatError):
    """No conversation with this id."""

    code: ClassVar[str] = "unknown_conversation"
    advice: ClassVar[str] = "Go back to the list of conversations."
    conversation_id: str

    def __str__(self) -> str:
        return f"There is no conversation {self.conversation_id!r}"


def leaves(root: type[GalerneError] = GalerneError) -> list[type[GalerneError]]:
    """Every concrete error class below ``root``, in the order of definition."""
    found: list[type[GalerneError]] = []
    for child in root.__subclasses__():
        found.extend(leaves(child) if child.__subclasses__() else [child])
    return found
