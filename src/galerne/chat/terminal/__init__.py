"""The assistant in the terminal.

Front doors, apart because one question needs nothing of a conversation: ``talk.run_chat`` (a conversation),
``answer.ask_once`` (one question, also in a pipe), ``chain.chain_screen``.
"""
