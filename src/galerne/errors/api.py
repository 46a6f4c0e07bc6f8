"""What a client asks that cannot be done."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


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
class ImageRefused(ApiError):
    """An image that is none, too large, or of a kind that is not read."""

    advice = "Send a PNG, JPEG or GIF image (few engines read WebP) as a base64 data: URL, 10 MB at most."
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

    advice = "`galerne list`, or GET /v1/models, names the models that are here."
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
        unit = {"wh": "Wh", "g": "g CO2e", "eur": "EUR"}.get(self.unit, self.unit)
        return (
            f"The limit of {self.limit:.7g} {unit} {span} for {self.subject} leaves {left:.7g}; "
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
        if self.path.startswith("/api/"):
            return f"Nothing is served at {self.path}: OpenAI's and Mistral's protocols are, under /v1"
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
