"""One adapter for every request, against mlx-lm (tools/make_adapters.py)."""
import concurrent.futures
import json

import pytest

from conftest import ADAPTERS, Server

NAMES = ["tiny-chat-lora", "tiny-chat-dora"]


@pytest.fixture(scope="module", params=NAMES)
def adapted(request):
    running = Server("--lora-path", str(ADAPTERS / request.param))
    running.name = request.param
    running.goldens = json.loads(
        (ADAPTERS / request.param / "goldens.json").read_text())
    yield running
    assert running.stop() == 0


def complete(server, case):
    status, answer = server.post(
        "/v1/completions", model="tiny-chat", prompt=case["prompt"],
        temperature=0, max_tokens=len(case["ids"]), ignore_eos=True,
        logprobs=0, return_token_ids=True)
    assert status == 200, answer
    return answer


def told(answer):
    choice = answer["choices"][0]
    return choice["token_ids"], choice["logprobs"]["token_logprobs"]


def test_greedy_answers_equal_those_of_mlx_lm(adapted):
    for case in adapted.goldens:
        ids, logprobs = told(complete(adapted, case))
        assert ids == case["ids"]
        assert logprobs == pytest.approx(case["logprobs"], abs=1e-4)


def test_all_at_once_equals_one_by_one(adapted):
    def ask(case):
        return told(complete(adapted, case))
    alone = [ask(case) for case in adapted.goldens]
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        assert list(pool.map(ask, adapted.goldens * 8)) == alone * 8


def test_no_answer_is_that_of_the_bare_model(adapted, server):
    for case in adapted.goldens:
        with_adapter, bare = complete(adapted, case), complete(server, case)
        assert told(with_adapter)[1] != told(bare)[1]
        assert with_adapter["choices"][0]["text"] != bare["choices"][0]["text"]
        assert with_adapter["system_fingerprint"] != bare["system_fingerprint"]


def test_the_log_and_the_models_say_what_was_loaded(adapted):
    [model] = adapted.get("/v1/models")[1]["data"]
    assert (model["id"], model["adapter"]) == ("tiny-chat", adapted.name)
    assert any(f"with {adapted.name} (" in line and "of rank" in line
               and "is loaded" in line for line in adapted.log)
