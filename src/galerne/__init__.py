"""Galerne: AI from the megawatt to the message, on infrastructure its owner masters."""

__version__ = "0.1.0"
