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
    │   ├── NoSignal                   no carbon, water or price figure for this zone
    │   └── InvalidTariff              a file of tariffs or prices that cannot be read
    ├── ModelError
    │   ├── ModelFileMissing           the model is known but its file is not on this disk
    │   ├── InvalidModelFile           the file is not what it says it is
    │   ├── HubUnreachable             the hub of models does not answer, or the connection ended
    │   ├── HubRefused                 the hub answers, and does not give this
    │   ├── Offline                    the network is needed, and forbidden
    │   ├── DiskFull                   no room for a model file
    │   ├── DownloadCorrupt            what was fetched is not what the hub says it is
    │   └── ModelKept                  a model that is in use, or not ours, is left as it is
    ├── EngineError
    │   ├── EngineMissing              the engine is not installed or does not start
    │   ├── EngineCrashed              the engine process died
    │   ├── EngineRefused              the engine answered with an error of its own
    │   ├── ContextTooLong             prompt and answer exceed the context
    │   ├── AbilityMissing             the model cannot do this at all
    │   ├── Overloaded                 no free place in the queue
    │   └── MachineBusy                other programs compute: a measurement would mislead
    ├── LedgerError
    │   ├── EntryConflict              an event with this id is already written, and differs
    │   ├── UnknownReceipt             no receipt with this id
    │   ├── UnknownKey                 no key with this id or name
    │   ├── KeyNameTaken               another key has this name
    │   ├── LedgerBroken               an event is not what was written; names the first one
    │   ├── LedgerSumsBroken           a day's sums are not those of its events
    │   └── LedgerNotEmpty             a backup is restored into an empty ledger only
    ├── FleetError
    │   ├── ModelLoading               the model is being loaded; says how far it is
    │   └── NoNode                     no node can take this request; says why for each
    ├── ApiError
    │   ├── InvalidRequest             the request does not say what we can do
    │   ├── ImageRefused               an image that is none, too large, or of a kind that is not read
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
        ├── AnswerRefused              the API answered the assistant with an error of its own
        ├── UnknownDocument            no document, or no passage of one, with this id
        ├── UnknownProject             no project with this id
        ├── UnknownAssistant           no assistant with this id
        ├── DocumentUnsupported        the bytes are none of the kinds that are read
        ├── DocumentTooLarge           more bytes, pages or characters than are read
        ├── DocumentEncrypted          it opens with a password only
        ├── DocumentWithoutText        pictures of pages, or nothing
        ├── DocumentUnreadable         damaged, or made to do harm
        ├── ExtractionOverrun          reading it took more than it may, and was stopped
        ├── ToolFailed                 a tool of the assistant did not do what it was called for
        ├── InvalidToolFile            the file that names tool servers says something impossible
        ├── AddressRefused             an address that is not fetched: private, of this computer, or not HTTP
        ├── UnknownPerson              no account with this name or id
        ├── AccountRefused             an account, a password or a change of them that cannot be
        └── SignInDelayed              too many wrong passwords for this name

Our own mistakes stay ``ValueError``, ``TypeError`` or ``assert``. What is merely degraded is not an error:
a meter that cannot read yields ``method="modelled"``. No text of a prompt ever enters an error: sizes and
ids only.
"""

# From the ground up, as the tree above is drawn.
# isort: off
from galerne.errors.catalog import CatalogError, InvalidFact, UnknownId
from galerne.errors.storage import DataFolderBusy, StorageError, StoreUnreachable
from galerne.errors.perf import DoesNotFit, PerfError
from galerne.errors.machine import MachineError, MeterUnavailable
from galerne.errors.grid import GridError, InvalidTariff, NoSignal
from galerne.errors.models import (
    DiskFull,
    DownloadCorrupt,
    HubRefused,
    HubUnreachable,
    InvalidModelFile,
    ModelError,
    ModelFileMissing,
    ModelKept,
    Offline,
)
from galerne.errors.engines import (
    AbilityMissing,
    ContextTooLong,
    EngineCrashed,
    EngineError,
    EngineMissing,
    EngineRefused,
    MachineBusy,
    Overloaded,
)
from galerne.errors.ledger import (
    EntryConflict,
    KeyNameTaken,
    LedgerBroken,
    LedgerError,
    LedgerNotEmpty,
    LedgerSumsBroken,
    UnknownKey,
    UnknownReceipt,
)
from galerne.errors.fleet import FleetError, ModelLoading, NoNode
from galerne.errors.api import (
    ApiError,
    Forbidden,
    ForbiddenField,
    ImageRefused,
    InvalidMessageOrder,
    InvalidRequest,
    OutOfScope,
    PortInUse,
    QuotaExhausted,
    RequestTooLarge,
    ServerUnreachable,
    Unauthorized,
    UnknownModel,
    UnknownRoute,
)
from galerne.errors.site import Infeasible, InvalidScenario, SiteError
from galerne.errors.cli import InvalidSetting, SettingError
from galerne.errors.chat import (
    DocumentEncrypted,
    DocumentTooLarge,
    DocumentUnreadable,
    DocumentUnsupported,
    DocumentWithoutText,
    ExtractionOverrun,
    UnknownDocument,
    UnknownProject,
    AccountRefused,
    AddressRefused,
    AnswerRefused,
    ChatError,
    InvalidToolFile,
    SignInDelayed,
    ToolFailed,
    UnknownAssistant,
    UnknownConversation,
    UnknownPerson,
)
from galerne.errors.root import GalerneError, failure, leaves
# isort: on

__all__ = [
    "AbilityMissing",
    "AccountRefused",
    "AddressRefused",
    "AnswerRefused",
    "ApiError",
    "CatalogError",
    "ChatError",
    "ContextTooLong",
    "DataFolderBusy",
    "DiskFull",
    "DocumentEncrypted",
    "DocumentTooLarge",
    "DocumentUnreadable",
    "DocumentUnsupported",
    "DocumentWithoutText",
    "DoesNotFit",
    "DownloadCorrupt",
    "EngineCrashed",
    "EngineError",
    "EngineMissing",
    "EngineRefused",
    "EntryConflict",
    "ExtractionOverrun",
    "FleetError",
    "Forbidden",
    "ForbiddenField",
    "GalerneError",
    "GridError",
    "HubRefused",
    "HubUnreachable",
    "ImageRefused",
    "Infeasible",
    "InvalidFact",
    "InvalidMessageOrder",
    "InvalidModelFile",
    "InvalidRequest",
    "InvalidScenario",
    "InvalidSetting",
    "InvalidTariff",
    "InvalidToolFile",
    "KeyNameTaken",
    "LedgerBroken",
    "LedgerError",
    "LedgerNotEmpty",
    "LedgerSumsBroken",
    "MachineBusy",
    "MachineError",
    "MeterUnavailable",
    "ModelError",
    "ModelFileMissing",
    "ModelKept",
    "ModelLoading",
    "NoNode",
    "NoSignal",
    "Offline",
    "OutOfScope",
    "Overloaded",
    "PerfError",
    "PortInUse",
    "QuotaExhausted",
    "RequestTooLarge",
    "ServerUnreachable",
    "SettingError",
    "SignInDelayed",
    "SiteError",
    "StorageError",
    "StoreUnreachable",
    "ToolFailed",
    "Unauthorized",
    "UnknownAssistant",
    "UnknownConversation",
    "UnknownDocument",
    "UnknownId",
    "UnknownKey",
    "UnknownModel",
    "UnknownPerson",
    "UnknownProject",
    "UnknownReceipt",
    "UnknownRoute",
    "failure",
    "leaves",
]
