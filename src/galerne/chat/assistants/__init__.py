"""Custom assistants: a name for instructions, a model, parameters, tools and documents that go together.

Front door: ``Assistant`` and ``AssistantStore``; ``mentioned`` (``@name``), ``manner_for`` (how its
conversations are answered), ``read_assistant`` and ``write_assistant`` (one as a small file).
"""

from galerne.chat.assistants.exchange import read_assistant, write_assistant
from galerne.chat.assistants.mention import mentioned
from galerne.chat.assistants.records import Assistant, Profile, manner_for
from galerne.chat.assistants.store import AssistantStore

__all__ = [
    "Assistant",
    "AssistantStore",
    "Profile",
    "manner_for",
    "mentioned",
    "read_assistant",
    "write_assistant",
]
