"""This computer: what it is (probe) and what it draws (meters)."""
