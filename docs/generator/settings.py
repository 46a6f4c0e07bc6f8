"""Every setting, from the table the command line reads."""

from __future__ import annotations

from docs.generator.markdown import code, page, table
from galerne.cli.settings import SETTINGS


def settings_page() -> str:
    """``settings.md``."""
    return page(
        "Settings",
        "Environment variables, read once when a command starts. An empty value is as good as none; a value "
        "that does not parse stops the program and says which. Options of a command win over them.",
        table(("Variable", "Meaning"), [(code(name), meaning) for name, meaning in SETTINGS.items()]),
        "Without `GALERNE_LANGUAGE`, the language is that of `LC_ALL`, `LC_MESSAGES` or `LANG`, in this "
        "order; English where none of them is French.",
    )
