"""What the operator and the developer of a house see: usage, energy, money and the grid, from our own API."""

from galerne.chat.house.view import OperatorView, view_operator

__all__ = ["OperatorView", "view_operator"]
