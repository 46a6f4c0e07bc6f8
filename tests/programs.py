"""Programs beside a test: forked from one that has imported what they need once, and holds nothing."""

import multiprocessing
from multiprocessing.context import ForkServerContext


def program_context() -> ForkServerContext:
    """Makes processes, barriers and queues."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["tests.torture.server", "tests.contract.test_quota_contract"])
    return made
