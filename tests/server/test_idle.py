"""A server without requests leaves the machine alone."""
import hashlib
import os
import pathlib
import time

import pytest

from conftest import TINY, Server, wait_for

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
COMPUTED_S = 2.0  # of this process: so long the server is watched, or longer
CHUNK = bytes(1 << 20)

pytestmark = pytest.mark.skipif(not pathlib.Path("/proc/self/stat").exists(),
                                reason="needs the /proc of Linux")


def cpu_seconds(process):
    """What all its threads have used, as user and in the system."""
    stat = pathlib.Path(f"/proc/{process.pid}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS_A_SECOND


def compute(seconds):
    """Keeps this process busy for so much CPU time, whatever time passes."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        hashlib.sha256(CHUNK).digest()


def test_an_idle_server_uses_less_than_a_hundredth_of_a_core():
    """Ours is a yardstick: while we compute, at least as much time passes."""
    server = Server("--threads", "4", model=TINY)
    try:
        status, _ = server.post("/v1/completions", model="tiny-chat", prompt="once",
                                max_tokens=8)
        assert status == 200
        before = cpu_seconds(server.process)
        compute(COMPUTED_S)
        used = cpu_seconds(server.process) - before
    finally:
        assert server.stop() == 0
    assert used < COMPUTED_S / 100


def kernel_threads(process):
    """Those that have told their name."""
    names = [path.read_text().strip() for path in
             pathlib.Path(f"/proc/{process.pid}/task").glob("*/comm")]
    return names.count("kernel")


def test_as_many_kernel_threads_as_were_asked_for():
    server = Server("--threads", "3", model=TINY)
    try:
        # The one that calls the kernels is the third.
        wait_for(lambda: kernel_threads(server.process) == 2)
    finally:
        assert server.stop() == 0
