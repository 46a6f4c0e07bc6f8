"""The network cable pulled: page, engine, documents and planner in a network namespace without a route."""

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ALONE = (["unshare", "--net"], ["unshare", "--map-root-user", "--net"])
"""As root, and as anybody where the kernel lets them."""


def test_everything_works_with_no_way_out_and_nothing_is_asked_of_elsewhere(tmp_path):
    tries = [subprocess.run([*way, "true"], check=False, capture_output=True).returncode for way in ALONE]
    works = [way for way, failed in zip(ALONE, tries, strict=True) if not failed]
    if not works:
        pytest.xfail(
            "neither root nor a user namespace may make a network namespace here, so no cable can be pulled; "
            "run as root, or with kernel.unprivileged_userns_clone=1, as CI does"
        )
    script = [sys.executable, "-m", "tests.e2e.cable_pulled", str(tmp_path)]
    done = subprocess.run([*works[0], *script], check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    shown = json.loads(done.stdout.splitlines()[-1])
    assert shown.pop("route") is False
    assert shown.pop("elsewhere") == []
    assert "J" in shown.pop("receipt")
    assert shown == {"/chain": 200, "/plan": 200, "/operator": 200}
