"""What a request may ask, seen from outside: refusals, headers, the log."""
import json

import pytest

from conftest import Server


def events(text):
    return [line[6:] for line in text.splitlines() if line.startswith("data: ")]


# One token is allowed, and that one is masked until four have come.
IMPOSSIBLE = dict(model="tiny-chat", prompt="once", max_tokens=8,
                  allowed_token_ids=[3], min_tokens=4)


def test_masks_that_leave_no_token_are_the_client_s_fault(server):
    status, answer = server.post("/v1/completions", **IMPOSSIBLE)
    assert status == 400
    assert answer["error"]["code"] == "constraint_unsatisfiable"
    status, _, text = server.request("POST", "/v1/completions",
                                     {**IMPOSSIBLE, "stream": True})
    assert status == 200
    last = json.loads(events(text)[-1])
    assert last["error"]["code"] == "constraint_unsatisfiable"


def test_every_answer_has_an_id_and_echoes_a_good_one(server):
    _, headers, _ = server.request("GET", "/health")
    assert headers["x-request-id"]
    _, headers, _ = server.request("GET", "/health",
                                   headers={"x-request-id": "mine-1"})
    assert headers["x-request-id"] == "mine-1"
    _, headers, _ = server.request("GET", "/health",
                                   headers={"x-request-id": "not mine"})
    assert headers["x-request-id"] != "not mine"


def test_fields_without_effect_are_named_in_a_header(server):
    status, headers, _ = server.request("POST", "/v1/completions", dict(
        model="tiny-chat", prompt="once", max_tokens=1, user="me"))
    assert status == 200
    assert headers["x-parallm-inert"] == "user"


LATER = [("tools", [{"type": "function", "function": {"name": "f"}}]),
         ("response_format", {"type": "json_object"}),
         ("modalities", ["text", "audio"]), ("store", True),
         ("functions", [{"name": "f"}])]


@pytest.mark.parametrize("field, value", LATER)
def test_what_comes_later_is_refused_by_name(server, field, value):
    status, answer = server.post(
        "/v1/chat/completions", model="tiny-chat",
        messages=[{"role": "user", "content": "hi"}], **{field: value})
    assert status == 400
    assert answer["error"]["code"] == "unsupported_parameter"
    assert answer["error"]["param"] == field


@pytest.mark.parametrize("flag, shown", [
    ("off", None), ("metadata", "1 generated, length"),
    ("full", '"prompt": "top secret"')])
def test_the_log_says_as_much_as_it_was_told_to(flag, shown):
    server = Server("--log-requests", flag)
    server.post("/v1/completions", model="tiny-chat", prompt="top secret",
                max_tokens=1)
    assert server.stop() == 0
    log = "".join(server.log)
    assert ("/v1/completions 200" in log) == (flag != "off")
    assert ("secret" in log) == (flag == "full")
    assert shown is None or shown in log


def test_the_log_names_the_user_who_asked():
    server = Server()
    server.post("/v1/completions", model="tiny-chat", prompt="x", max_tokens=1,
                user="u-1", safety_identifier="s-2", metadata={"run": "three"})
    assert server.stop() == 0
    line = next(line for line in server.log if "/v1/completions 200" in line)
    assert "user u-1, safety_identifier s-2" in line
    assert 'metadata {"run":"three"}' in line


def test_a_json_log_is_json():
    server = Server("--log-format", "json", "--log-requests", "full")
    server.post("/v1/completions", model="tiny-chat", prompt="a\n\"b\"",
                max_tokens=1)
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.log]
    assert any('body {"model"' in line["message"] for line in lines)
