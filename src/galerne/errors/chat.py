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

    def __str__(self) -> str:
        return f"{super().__str__()}: {self.hint}" if self.hint else super().__str__()
