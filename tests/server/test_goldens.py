"""Every golden of the trained model, through HTTP."""
import concurrent.futures
import json
import math

import pytest

from conftest import SHARED, need_shared


@pytest.fixture(scope="module")
def goldens():
    path = SHARED / "models" / "stories260k-goldens.json"
    need_shared(path)
    return json.loads(path.read_text())


def complete(server, **fields):
    status, answer = server.post("/v1/completions", model="stories260k",
                                 **fields)
    assert status == 200, answer
    return answer


def test_greedy_ids_and_text_equal_the_reference(stories, goldens):
    for case in goldens["greedy"]:
        answer = complete(stories, prompt=case["ids"], temperature=0,
                          max_tokens=len(case["greedy_ids"]),
                          ignore_eos=True, return_token_ids=True)
        choice = answer["choices"][0]
        assert choice["token_ids"] == case["greedy_ids"]
        assert choice["text"] == case["greedy_text"]


def test_text_prompts_give_the_same_ids(stories, goldens):
    for case in goldens["greedy"]:
        answer = complete(stories, prompt=case["text"], temperature=0,
                          max_tokens=1, return_token_ids=True)
        assert answer["choices"][0]["prompt_token_ids"] == case["ids"]


def test_first_step_logits_agree_with_the_reference(stories, goldens):
    for case in goldens["greedy"]:
        answer = complete(stories, prompt=case["ids"], temperature=0,
                          max_tokens=1, logprobs=8, return_token_ids=True)
        top = answer["choices"][0]["logprobs"]["top_logprobs"][0]
        want = [value for _, value in case["top8_first"]]
        got = sorted(top.values(), reverse=True)[:8]
        # Log-probabilities differ from logits by one constant.
        for (a, b), (c, d) in zip(zip(got, want), zip(got[1:], want[1:])):
            assert math.isclose(a - c, b - d, abs_tol=1e-4)


def test_echoed_prompt_logprobs_sum_to_the_reference(stories, goldens):
    for case in goldens["nll"]:
        ids = case["ids"][:case["scored"] + 1]
        answer = complete(stories, prompt=ids, max_tokens=0, echo=True,
                          logprobs=0)
        scores = answer["choices"][0]["logprobs"]["token_logprobs"]
        assert scores[0] is None
        assert len(scores) == len(ids)
        assert math.isclose(-sum(scores[1:]), case["nll"], abs_tol=1e-3)


def test_all_at_once_equals_one_by_one(stories, goldens):
    def ask(case):
        answer = complete(stories, prompt=case["ids"], temperature=0,
                          max_tokens=len(case["greedy_ids"]),
                          ignore_eos=True, return_token_ids=True)
        return answer["choices"][0]["token_ids"]
    with concurrent.futures.ThreadPoolExecutor(48) as pool:
        cases = goldens["greedy"] * 8
        assert list(pool.map(ask, cases)) == [c["greedy_ids"] for c in cases]
