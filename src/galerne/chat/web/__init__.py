"""The assistant in the browser: the conversation at ``/`` and the chain at ``/chain``.

Front door: ``create_web``.
"""

from galerne.chat.web.app import create_web

__all__ = ["create_web"]
