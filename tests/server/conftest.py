"""Starts the real binary on a free loopback port. No mocks."""
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
STORIES = SHARED / "models" / "stories260k"
TINY = ROOT / "tests" / "data" / "tiny-chat"
BUILTIN = ""  # a start without --model-path
ADAPTERS = ROOT / "tests" / "data" / "adapters"
BINARY = ROOT / "build" / "release" / "bin" / "mlx_parallm_serve"
START_LIMIT_S = 60
# Ours for tests, such as PARALLM_FUZZ_SECONDS, are no settings of a server.
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if not name.startswith("PARALLM_")}

sys.path.insert(0, str(ROOT / "tools"))  # the programs that made the models


class Server:
    """One server process; `port` is known once it says it listens."""

    def __init__(self, *flags, env=None, model=None):
        model = TINY if model is None else model
        command = [str(BINARY), "--port", "0", *flags]
        command += ["--model-path", str(model)] if model else []
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
            text=True, env={**ENVIRONMENT, **(env or {})}, cwd=ROOT / "tests")
        self.log = []
        self._listening = threading.Event()
        self.port = None
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self._listening.wait(START_LIMIT_S)
        if self.port is None:
            self.process.kill()
            raise RuntimeError("server did not start:\n" + "".join(self.log))

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)
            match = re.search(r"listening on \S*?:(\d+)", line)
            if match and self.port is None:
                self.port = int(match[1])
                self._listening.set()
        self._listening.set()

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.port}"

    def request(self, method, path, body=None, headers=None):
        """-> (status, headers, body as JSON where it is JSON, else text)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=120)
        try:
            data = body if isinstance(body, (str, bytes, type(None))) \
                else json.dumps(body)
            head = {"Content-Type": "application/json"} if data else {}
            connection.request(method, path, data, {**head, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        kind = answer.getheader("Content-Type") or ""
        parsed = json.loads(text) if "json" in kind and text else text
        head = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, head, parsed

    def post(self, path, **body):
        status, _, answer = self.request("POST", path, body)
        return status, answer

    def get(self, path):
        status, _, answer = self.request("GET", path)
        return status, answer

    def metric(self, name):
        text = self.get("/metrics")[1]
        match = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
        assert match, f"no metric {name}"
        return float(match[1])

    def stop(self, kind=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(kind)
        return self.wait()

    def wait(self):
        """Its exit code, once it ends by itself."""
        code = self.process.wait(60)
        self._reader.join(10)
        return code


def need_shared(path):
    if not path.exists():
        pytest.skip(f"needs {path.name} of ../shared")


@pytest.fixture(scope="session")
def server():
    """The tiny random checkpoint of this repository: runs from the clone."""
    running = Server("--max-batch-size", "64")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def stories():
    """A real trained model, if ../shared is there."""
    need_shared(STORIES)
    running = Server("--max-batch-size", "64", model=STORIES)
    yield running
    assert running.stop() == 0


def wait_for(condition):
    """Asks again and again, a bounded number of times."""
    for _ in range(5000):
        if condition():
            return
    raise AssertionError("it never came to that")


def idle_blocks(server):
    """Blocks held by sequences, once nothing runs: must come back to 0."""
    for _ in range(2000):
        if server.metric("parallm_num_requests_running") == 0 and \
                server.metric("parallm_num_requests_waiting") == 0:
            return server.metric("parallm_kv_cache_usage_perc")
    raise AssertionError("requests still run")


@pytest.fixture(scope="session")
def builtin():
    """parallm-tiny, as ./serve without flags serves it."""
    running = Server(model=BUILTIN)
    yield running
    assert running.stop() == 0
