"""The assistant in the terminal.

Front door: ``run_chat`` (a conversation), ``ask_once`` (one question, also in a pipe), ``chain_screen``.
"""

from galerne.chat.terminal.answer import ask_once
from galerne.chat.terminal.chain import chain_screen
from galerne.chat.terminal.talk import run_chat

__all__ = ["ask_once", "chain_screen", "run_chat"]
