"""Several end tokens of generation_config.json: each of them ends an answer."""
import json
import shutil

import pytest

from conftest import TINY, Server

PROMPTS = ["the", "and", "of the", "a", "Once upon", "is", "to be", "what",
           "in", "one"]
TOKENS = 40


def complete(server, prompt, tokens=TOKENS, **fields):
    status, answer = server.post(
        "/v1/completions", model=TINY.name, prompt=prompt, temperature=0,
        max_tokens=tokens, return_token_ids=True, **fields)
    assert status == 200, answer
    choice = answer["choices"][0]
    return choice, answer["usage"]["completion_tokens"]


def first_of(ids, ends):
    return next((at for at, token in enumerate(ids) if token in ends), None)


@pytest.fixture(scope="module")
def endless(server):
    """What the model says to each prompt if nothing ends it."""
    said = {}
    for prompt in PROMPTS:
        choice, _ = complete(server, prompt, ignore_eos=True)
        assert len(choice["token_ids"]) == TOKENS
        said[prompt] = choice["token_ids"]
    return said


@pytest.fixture(scope="module")
def ends(endless):
    """Three tokens, each of which comes before the others in some answer."""
    chosen = []
    for ids in endless.values():
        for token in ids[3:]:
            trial = [*chosen, token]
            ended = {ids[at] for ids in endless.values()
                     if (at := first_of(ids, trial)) is not None}
            if token not in chosen and ended == set(trial):
                chosen = trial
                break
        if len(chosen) == 3:
            return chosen
    pytest.fail(f"only {chosen} can end answers")


@pytest.fixture(scope="module")
def ending(ends, tmp_path_factory):
    """The same model, whose generation_config.json names these tokens. Its
    config.json still names another."""
    folder = tmp_path_factory.mktemp("models") / TINY.name
    shutil.copytree(TINY, folder)
    (folder / "generation_config.json").write_text(
        json.dumps({"eos_token_id": ends}))
    running = Server(model=folder)
    yield running
    assert running.stop() == 0


def test_each_end_token_ends_an_answer(ending, endless, ends):
    ended_by = set()
    for prompt, ids in endless.items():
        at = first_of(ids, ends)
        choice, counted = complete(ending, prompt)
        if at is None:
            assert choice["finish_reason"] == "length"
            assert choice["token_ids"] == ids
            continue
        ended_by.add(ids[at])
        assert choice["finish_reason"] == "stop"
        assert choice["token_ids"] == ids[:at + 1]
        assert counted == at + 1
    assert ended_by == set(ends)


def test_the_end_token_is_not_in_the_text(ending, endless, ends):
    for prompt, ids in endless.items():
        at = first_of(ids, ends)
        if at:
            before, _ = complete(ending, prompt, tokens=at)
            assert before["finish_reason"] == "length"
            assert complete(ending, prompt)[0]["text"] == before["text"]


def test_a_request_may_ignore_them_all(ending, endless):
    for prompt, ids in endless.items():
        choice, _ = complete(ending, prompt, ignore_eos=True)
        assert choice["finish_reason"] == "length"
        assert choice["token_ids"] == ids
