import asyncio
import os
import signal
import sys

import pytest

from galerne.engines.child import TAIL_BYTES, Child

pytestmark = pytest.mark.anyio
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print({}, flush=True); time.sleep(600)"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


async def spawn(program: str) -> Child:
    return await Child.spawn([sys.executable, "-c", program], settings={"secret": "s3cret"})


async def test_settings_arrive_and_the_report_comes_back():
    child = await spawn(
        "import sys, json; print(json.dumps(json.loads(sys.stdin.readline()))); sys.stdin.read()"
    )
    assert await child.report() == {"secret": "s3cret"}
    assert child.exit_code is None
    await child.end(grace_s=5.0)
    assert child.exit_code is not None


async def test_a_death_before_the_report_is_no_report():
    child = await spawn("import sys; print('{', end=''); sys.exit(3)")
    assert await child.report() is None
    await child.wait()
    assert child.exit_code == 3
    await child.end(grace_s=1.0)


async def test_only_the_end_of_a_long_error_stream_is_kept():
    child = await spawn("import sys; sys.stderr.write('x' * 1_000_000 + 'the end')")
    await child.wait()
    assert child.tail.endswith("the end")
    assert len(child.tail) == TAIL_BYTES


async def test_a_child_that_ignores_polite_words_is_ended_for_certain():
    child = await spawn(DEAF)
    await child.report()
    await child.end(grace_s=0.05)
    assert child.exit_code == -signal.SIGKILL


async def test_a_stopped_child_cannot_keep_us_waiting():
    child = await spawn(DEAF)
    await child.report()
    os.kill(child.process_id, signal.SIGSTOP)
    await child.end(grace_s=0.05)
    assert child.exit_code == -signal.SIGKILL


async def test_its_processor_time_is_known_after_its_death():
    child = await spawn("print({}, flush=True); sum(range(3_000_000)); input()")
    await child.report()
    while not child.processor_s():
        await asyncio.sleep(0.01)
    used_s = child.processor_s()
    await child.end(grace_s=5.0)
    assert child.processor_s() >= used_s > 0
