"""Alone = in a batch of 64 with random neighbours = with n = chunked."""
import concurrent.futures
import random

import pytest

from conftest import ADAPTERS, Server


def ask(server, prompt, seed, temperature=1.0, n=1, tokens=24, **more):
    status, answer = server.post(
        "/v1/completions", model="tiny-chat", prompt=prompt, seed=seed, n=n,
        temperature=temperature, max_tokens=tokens, return_token_ids=True,
        logprobs=2, **more)
    assert status == 200, answer
    return [(choice["token_ids"], choice["logprobs"]["token_logprobs"])
            for choice in answer["choices"]]


def random_prompts(count, seed):
    rng = random.Random(seed)
    return [[rng.randrange(4, 300) for _ in range(rng.randrange(1, 200))]
            for _ in range(count)]


SAMPLERS = [dict(temperature=0), dict(temperature=1.0),
            dict(temperature=0.7, top_k=20), dict(temperature=1.2, top_p=0.8),
            dict(temperature=1, min_p=0.05, repetition_penalty=1.3),
            dict(temperature=0.9, presence_penalty=0.5,
                 frequency_penalty=0.3)]


@pytest.mark.parametrize("flags", [
    ["--max-batch-size", "64"],
    ["--max-batch-size", "24", "--max-batch-tokens", "24"],
    ["--max-batch-size", "64", "--prefix-cache", "off"],
    ["--max-batch-size", "64",
     "--lora-path", str(ADAPTERS / "tiny-chat-lora")],
    ["--max-batch-size", "24", "--max-batch-tokens", "24",
     "--lora-path", str(ADAPTERS / "tiny-chat-dora")]],
    ids=["default", "chunked", "no-prefix-cache", "lora", "dora-chunked"])
def test_alone_equals_in_a_batch_of_64(flags):
    server = Server(*flags)
    prompts = random_prompts(64, seed=5)
    fields = [dict(prompt=prompt, seed=index,
                   **SAMPLERS[index % len(SAMPLERS)])
              for index, prompt in enumerate(prompts)]
    alone = [ask(server, **one) for one in fields]
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        together = list(pool.map(lambda one: ask(server, **one), fields))
    assert together == alone
    assert server.stop() == 0


def test_preempted_equals_alone():
    roomy = Server("--max-batch-size", "16", "--prefix-cache", "off")
    # 3 layers * 2 heads * 8 * 2 * 4 bytes = 384 bytes a position.
    tight = Server("--max-batch-size", "16", "--prefix-cache", "off",
                   "--kv-memory", "480K", "--max-model-len", "600")
    prompts = random_prompts(16, seed=9)
    fields = [dict(prompt=prompt, seed=index, tokens=120, ignore_eos=True)
              for index, prompt in enumerate(prompts)]
    alone = [ask(roomy, **one) for one in fields]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda one: ask(tight, **one), fields))
    assert tight.metric("parallm_num_preemptions_total") > 0
    assert together == alone
    assert roomy.stop() == 0 and tight.stop() == 0


def test_choice_j_is_the_same_for_every_n(server):
    prompt = "once upon a time"
    one = ask(server, prompt, seed=21)
    four = ask(server, prompt, seed=21, n=4)
    eight = ask(server, prompt, seed=21, n=8)
    assert four[:1] == one
    assert eight[:4] == four
    assert len({tuple(ids) for ids, _ in eight}) > 1


def test_a_warm_prefix_changes_nothing(server):
    prompt = list(range(10, 120))
    cold = ask(server, prompt, seed=2, cache_salt="first")
    warm = ask(server, prompt, seed=2, cache_salt="first")
    other = ask(server, prompt, seed=2, cache_salt="second")
    assert cold == warm == other


def test_two_seeds_differ_and_no_seed_is_random(server):
    prompt = "the quick"
    assert ask(server, prompt, seed=1) != ask(server, prompt, seed=2)
    assert ask(server, prompt, seed=None) != ask(server, prompt, seed=None)
