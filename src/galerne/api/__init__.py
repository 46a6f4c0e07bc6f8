"""What clients see: wire formats of both dialects, failures, the door. Front door: ``create_app``."""

from galerne.api.app import create_app
from galerne.api.guard import hash_key
from galerne.api.services import Services

__all__ = ["Services", "create_app", "hash_key"]
