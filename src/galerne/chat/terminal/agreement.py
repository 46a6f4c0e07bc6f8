"""A person agrees to a tool, or not, at the terminal."""

from __future__ import annotations

from prompt_toolkit import PromptSession

from galerne.chat.tools.records import Decision

_LETTERS = {
    "y": Decision.ONCE,
    "o": Decision.ONCE,  # oui
    "a": Decision.CONVERSATION,
    "c": Decision.CONVERSATION,
    "n": Decision.DENY,
}


async def ask_decision(question: str) -> Decision:
    """Ask until one of the letters is given; Ctrl-C and Ctrl-D refuse."""
    session: PromptSession[str] = PromptSession()
    while True:
        try:
            said = await session.prompt_async(f"{question} ")
        except (KeyboardInterrupt, EOFError):
            return Decision.DENY
        if decision := _LETTERS.get(said.strip()[:1].lower()):
            return decision
