"""Lost clients, overload, bad starts, and a clean end."""
import concurrent.futures
import http.client
import json
import random
import signal
import socket
import subprocess

import pytest

from conftest import (ADAPTERS, BINARY, ENVIRONMENT, ROOT, TINY, Server,
                      idle_blocks, wait_for)


CANCELLED = 'parallm_request_success_total{finished_reason="cancelled"}'


def raw_request(fields, path="/v1/completions"):
    body = json.dumps({"model": "tiny-chat", **fields}).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def connect(server):
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    return sock


def test_200_clients_with_random_disconnects_return_every_block(server):
    def client(index):
        rng = random.Random(index)
        with connect(server) as sock:
            request = raw_request(dict(
                prompt=[rng.randrange(4, 300)] * rng.randrange(1, 300),
                max_tokens=rng.randrange(1, 400), n=rng.randrange(1, 4),
                stream=rng.random() < 0.7, ignore_eos=True))
            cut = rng.random()
            if cut < 0.2:
                sock.sendall(request[:rng.randrange(1, len(request))])
                return
            sock.sendall(request)
            wanted = rng.randrange(1, 4000)
            while cut < 0.8 and wanted > 0:
                got = sock.recv(min(wanted, 4096))
                wanted -= len(got)
                if not got:
                    break

    before = server.metric(CANCELLED)
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        list(pool.map(client, range(200)))
    assert idle_blocks(server) == 0
    assert server.metric(CANCELLED) > before
    status, answer = server.post("/v1/completions", model="tiny-chat",
                                 prompt="once", max_tokens=4)
    assert status == 200, answer


def test_disconnect_at_every_byte_of_a_request(server):
    # Long enough that only a cancel ends the whole requests soon.
    request = raw_request(dict(prompt="once", max_tokens=1000, n=2,
                               ignore_eos=True, stream=True))
    before = server.metric(CANCELLED)
    for length in range(len(request)):
        with connect(server) as sock:
            sock.sendall(request[:length])
    with connect(server) as sock:
        sock.sendall(request)
        assert sock.recv(1)  # it is admitted
    wait_for(lambda: server.metric(CANCELLED) == before + 2)
    assert idle_blocks(server) == 0


def test_a_stream_that_is_never_read_is_cancelled():
    server = Server("--max-buffered-bytes", "4096", "--max-batch-size", "4")
    with connect(server) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        # Alternatives make chunks large, so that the kernel is soon full.
        sock.sendall(raw_request(dict(prompt=[5] * 4, max_tokens=1000, n=64,
                                      logprobs=20,
                                      ignore_eos=True, stream=True)))
        # Its turn comes once all 64 have left the queue.
        status, _ = server.post("/v1/completions", model="tiny-chat",
                                prompt="once", max_tokens=1)
        assert status == 200
        # Some may have gone into the kernel's buffers whole.
        wait_for(lambda: server.metric(CANCELLED) > 32)
        assert idle_blocks(server) == 0
    late = 'responses_total{route="/v1/completions",status="499"} 1\n'
    wait_for(lambda: late in server.get("/metrics")[1])
    assert server.stop() == 0


def test_a_full_queue_answers_429_with_retry_after():
    server = Server("--max-batch-size", "1", "--max-queue", "2")
    long = dict(model="tiny-chat", prompt="once", max_tokens=900,
                ignore_eos=True)

    def ask(_):
        status, headers, answer = server.request(
            "POST", "/v1/completions", long)
        return status, headers, answer

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(ask, range(24)))
    statuses = {status for status, _, _ in answers}
    assert statuses == {200, 429}
    for status, headers, answer in answers:
        if status == 429:
            assert answer["error"]["code"] == "queue_full"
            assert 1 <= int(headers["retry-after"]) <= 60
    assert server.stop() == 0


def test_sigterm_lets_running_answers_finish():
    server = Server("--max-batch-size", "4")
    with connect(server) as sock:
        sock.sendall(raw_request(dict(prompt="once", max_tokens=600,
                                      ignore_eos=True, stream=True)))
        first = sock.recv(4096)
        assert first.startswith(b"HTTP/1.1 200")
        server.process.send_signal(signal.SIGTERM)
        rest = first
        while True:
            got = sock.recv(65536)
            if not got:
                break
            rest += got
    assert b"data: [DONE]" in rest
    assert b'"finish_reason":"length"' in rest
    assert server.wait() == 0


def test_health_reports_the_engine(server):
    status, answer = server.get("/health")
    assert status == 200 and answer["status"] == "ok"
    assert server.get("/health/ready")[0] == 200
    assert server.get("/health/ready?probe=1")[0] == 200
    assert server.get("/health_generate")[0] == 200


def test_a_file_that_is_no_socket_is_left_alone(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("data")
    code, message = start_fails("--host", f"unix:{precious}")
    assert code == 69 and "precious" in message
    assert precious.read_text() == "data"


def start_fails(*flags, model=TINY):
    port = [] if "--port" in flags else ["--port", "0"]
    done = subprocess.run(
        [str(BINARY), "--model-path", str(model), *port, *flags],
        capture_output=True, text=True, timeout=60, env=ENVIRONMENT,
        cwd=ROOT / "tests")
    return done.returncode, done.stderr.strip()


def test_bad_flags_end_with_64():
    code, message = start_fails("--prot", "1")
    assert code == 64 and "--prot" in message
    code, message = start_fails("--max-batch-size", "zero")
    assert code == 64 and "--max-batch-size" in message


def test_an_absent_model_ends_with_66(tmp_path):
    code, message = start_fails(model=tmp_path / "absent")
    assert code == 66 and "absent" in message


def broken_copy(tmp_path, change):
    for file in TINY.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    change(tmp_path)
    return tmp_path


def truncate_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def unknown_type(folder):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "model_type": "sphinx"}))


def wrong_shape(folder):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "intermediate_size": 81}))


@pytest.mark.parametrize("change, name", [
    (truncate_weights, "model.safetensors"),
    (unknown_type, "sphinx"),
    (wrong_shape, "model.layers.0.mlp")])
def test_a_broken_checkpoint_ends_with_65_and_one_line(tmp_path, change, name):
    code, message = start_fails(model=broken_copy(tmp_path, change))
    assert code == 65
    errors = [line for line in message.splitlines() if name in line]
    assert len(errors) == 1


def test_an_absent_adapter_ends_with_66(tmp_path):
    code, message = start_fails("--lora-path", str(tmp_path / "absent"))
    assert code == 66 and "absent: not a folder" in message


def test_a_broken_adapter_ends_with_65_and_one_line(tmp_path):
    for file in (ADAPTERS / "tiny-chat-lora").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = tmp_path / "adapter_config.json"
    config.write_text(config.read_text().replace('"rank": 4', '"rank": 8'))
    code, message = start_fails("--lora-path", str(tmp_path))
    assert code == 65
    assert "tensor lm_head.lora_a has shape (48, 4)" in message
    assert len(message.splitlines()) == 1


def test_an_adapter_of_another_model_ends_with_65_and_one_line():
    code, message = start_fails(
        "--lora-path", str(ADAPTERS / "llama-4bit-lora"))
    assert code == 65
    errors = [line for line in message.splitlines() if "lora_a" in line]
    assert len(errors) == 1


def test_too_little_memory_ends_with_71():
    code, message = start_fails("--kv-memory", "1K")
    assert code == 71


def test_an_address_in_use_ends_with_69(server):
    code, message = start_fails("--port", str(server.port))
    assert code == 69 and str(server.port) in message
    assert "; --port takes another" in message
