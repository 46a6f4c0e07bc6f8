"""What the assistant cannot do."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


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
    retry_after_s: float | None = None

    def __str__(self) -> str:
        return f"{super().__str__()}: {self.hint}" if self.hint else super().__str__()


@failure
class UnknownDocument(ChatError):
    """No document, or no passage of one, with this id."""

    advice = "It may have been removed: attach it again."
    sentence = "There is no document {document_id!r}"
    document_id: str


@failure
class UnknownProject(ChatError):
    """No project with this id."""

    advice = "Go back to the list of projects."
    sentence = "There is no project {project_id!r}"
    project_id: str


@failure
class UnknownAssistant(ChatError):
    """No assistant with this id."""

    advice = "Go back to the list of assistants."
    sentence = "There is no assistant {assistant_id!r}"
    assistant_id: str


@failure
class DocumentUnsupported(ChatError):
    """The bytes are none of the kinds of document that are read."""

    advice = "Attach a PDF, DOCX, XLSX, CSV, HTML, Markdown or text file."
    sentence = "The file is {found}, which is not read"
    found: str


@failure
class DocumentTooLarge(ChatError):
    """The document has more of something than is read."""

    advice = "Split it, or attach the part that matters."
    sentence = "The document has {found} {what}; at most {limit} are read"
    what: str
    found: int
    limit: int


@failure
class DocumentEncrypted(ChatError):
    """The document opens with a password only."""

    advice = "Save a copy without the password and attach that."
    sentence = "The document is encrypted"


@failure
class DocumentWithoutText(ChatError):
    """The document holds no text: pictures of pages, or nothing."""

    advice = "If it was scanned, recognise its text first (OCR), then attach the result."
    sentence = "No text was found on {n_pages} pages"
    n_pages: int


@failure
class DocumentUnreadable(ChatError):
    """The document is damaged, or is made to do harm."""

    advice = "Open it in the program it comes from, save it again and attach the copy."
    sentence = "The document cannot be read: {problem}"
    problem: str


@failure
class ExtractionOverrun(ChatError):
    """Reading the document took more than it may take, and was stopped."""

    advice = "Attach a smaller or simpler document."
    sentence = "Reading the document was stopped: more than {limit:g} {resource}"
    resource: str
    limit: float


@failure
class ToolFailed(ChatError):
    """A tool of the assistant did not do what it was called for."""

    advice = "The answer goes on without it; look at the tool's card for its arguments."
    sentence = "The tool {tool} failed: {problem}"
    tool: str
    problem: str


@failure
class InvalidToolFile(ChatError):
    """The file that names tool servers says something impossible."""

    advice = "Correct the entry named here; docs/how-to/tools.md shows a whole file."
    sentence = "{path}: {problem}"
    path: str
    problem: str


@failure
class AddressRefused(ChatError):
    """An address that is not fetched: private, of this computer, not HTTP, or not to be found."""

    advice = "Give a public http or https address."
    sentence = "{host} is not fetched: {problem}"
    host: str
    problem: str


@failure
class UnknownPerson(ChatError):
    """No account with this name or id."""

    advice = "`galerne people list` and the page /people show every account."
    sentence = "There is no account {name!r}"
    name: str


@failure
class AccountRefused(ChatError):
    """An account, a password or a change of them that cannot be.

    Attributes:
        reason: stable, for a page that says it in the reader's language.
        problem: the same in a sentence.
    """

    advice = "Change what is named here and try again."
    sentence = "{problem}"
    reason: str
    problem: str


@failure
class SignInDelayed(ChatError):
    """Too many wrong passwords for this name."""

    advice = "Wait that long; an administrator can send a new invitation (`galerne people reset`)."
    sentence = "Too many wrong passwords: try again in {retry_after_s:.0f} s"
    retry_after_s: float
