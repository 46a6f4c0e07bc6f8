import subprocess
import sys

SCRIPT = """
import builtins, io, sys
opened = []
real_open = builtins.open
builtins.open = lambda *a, **k: (opened.append(a[0]), real_open(*a, **k))[1]
before = set(sys.modules)
import {module}
heavy = sorted({{m.split(".")[0] for m in set(sys.modules) - before}} & {heavy!r})
print(opened, heavy)
"""
HEAVY = {"numpy", "fastapi", "sqlalchemy", "pydantic", "rich", "altair", "httpx", "xllamacpp", "uvicorn"}


def run(module: str) -> str:
    script = SCRIPT.format(module=module, heavy=HEAVY)
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_importing_the_package_opens_no_file_and_loads_nothing_heavy():
    assert run("galerne") == "[] []"


def test_importing_the_errors_loads_nothing_heavy():
    assert run("galerne.errors") == "[] []"
