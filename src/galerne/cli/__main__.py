"""``python -m galerne.cli``."""

from galerne.cli import main

main()
