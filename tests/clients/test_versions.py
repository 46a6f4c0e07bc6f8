"""Other versions of Mistral's clients than the one we develop with, each in a folder of its own.

They are fetched from the package index, so these tests run where ``GALERNE_TEST_CLIENTS`` is set: in CI, and
by hand with ``GALERNE_TEST_CLIENTS=1 pytest tests/clients``.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live_server import live_url

__all__ = ["live_url"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("GALERNE_TEST_CLIENTS"), reason="fetches packages; set GALERNE_TEST_CLIENTS"
    ),
]
HERE = Path(__file__).parent


def see(script: str, requirement: str, folder: Path, url: str) -> dict:
    """What a script sees with one package installed for it alone."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(folder), requirement], check=True, timeout=600)
    # Without our own packages: each client brings what it needs.
    ran = subprocess.run(
        [sys.executable, "-S", "-c", RUN, str(folder), str(HERE / script), url, "a-key"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout.splitlines()[-1])


RUN = (
    "import runpy, sys; sys.path.insert(0, sys.argv[1]); script = sys.argv[2]; del sys.argv[:2]; "
    "runpy.run_path(script, run_name='__main__')"
)


@pytest.mark.parametrize("wanted", ["1.5.0", "1.12.4", "2.10.1", "3.7.0"])
def test_mistralai(wanted, tmp_path, live_url):
    seen = see("ask_mistral.py", f"mistralai=={wanted}", tmp_path, live_url)
    assert seen["version"] == wanted
    assert seen["whole"] == seen["streamed"] != ""
    assert seen["streamed_tokens"] > 0
    name, arguments, call_id = seen["call"]
    assert (name, set(json.loads(arguments)), len(call_id)) == ("weather", {"snow"}, 9)
    assert seen["after"]
    assert set(json.loads(seen["shaped"])) == {"snow"}
    assert seen["begun"].startswith("Je")
    assert "galerne-mini" in seen["models"]
    assert seen["card"] == ["galerne-mini", True]
    assert "FIM is not enabled for this model" in seen["missing"]
    assert "nobody" in seen["unknown"]
    assert seen["wrong"].startswith("HTTPValidationError")


def test_langchain(tmp_path, live_url):
    seen = see("ask_langchain.py", "langchain-mistralai", tmp_path, live_url)
    assert seen["whole"] == seen["streamed"] != ""
    assert seen["receipt"].startswith("rcpt_")
    assert seen["call"][0] == "weather"
    assert set(seen["call"][1]) == set(seen["shaped"]) == {"snow"}
