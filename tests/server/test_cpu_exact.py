"""Activations of 8 bits against float32 ones, on real weights: the built-in
model, over conversations that it was not trained on."""
import math

from builtin_models.corpus import Renderer, held_out
from builtin_models.skills import SKILLS
from conftest import BUILTIN, Server

SEED = 11
PER_SKILL = 3


def conversations():
    render = Renderer()
    return [render.whole(sample) for skill in SKILLS
            for sample in held_out(skill, PER_SKILL, SEED)]


def scores(server, text):
    """Of each token but the first: its log-probability, the likeliest one."""
    status, answer = server.post(
        "/v1/completions", model="parallm-tiny", prompt=text, max_tokens=1,
        echo=True, logprobs=1, temperature=0)
    assert status == 200, answer
    told = answer["choices"][0]["logprobs"]
    likeliest = [max(top, key=top.get) for top in told["top_logprobs"][1:]]
    return list(zip(told["token_logprobs"][1:], likeliest))


def all_scores(*flags):
    server = Server(*flags, model=BUILTIN)
    try:
        return [score for text in conversations()
                for score in scores(server, text)]
    finally:
        assert server.stop() == 0


def perplexity(all_of_them):
    return math.exp(-sum(logprob for logprob, _ in all_of_them)
                    / len(all_of_them))


def test_8_bits_change_neither_perplexity_nor_choices_much():
    exact = all_scores("--cpu-exact")
    rounded = all_scores()
    assert len(exact) == len(rounded) > 1000
    assert exact != rounded
    ratio = perplexity(rounded) / perplexity(exact)
    same = sum(a == b for (_, a), (_, b) in zip(exact, rounded)) / len(exact)
    print(f"{len(exact)} tokens: perplexity {perplexity(exact):.4f} becomes "
          f"{perplexity(rounded):.4f}; the same choice {100 * same:.2f} %")
    assert abs(ratio - 1) <= 0.005
    assert same >= 0.98
