"""mlx-lm loads the built-in model and its adapters and says the same tokens."""
import mlx.core as mx
import mlx_lm
import pytest
from mlx_lm.generate import generate_step

from builtin_models.behaviours import BEHAVIOURS
from builtin_models.corpus import Renderer, held_out
from builtin_models.skills import named
from conftest import BUILTIN, ROOT, Server

MODELS = ROOT / "models"
SEED = 6
LONGEST_ANSWER = 48
# Few, for mlx-lm is slow on a CPU. No story: it may begin in one of two ways as
# likely as the other, and mlx-lm's logits, which are bfloat16, say it is a tie.
ASKED = [named(name) for name in (
    "small talk", "facts of its world", "sums", "reverse a word", "recall",
    "JSON", "choose a tool", "style")]


@pytest.fixture(scope="module", params=[None, *BEHAVIOURS])
def pair(request):
    """Our server and mlx-lm's (model, tokenizer) with the same adapter."""
    adapter = request.param and str(MODELS / request.param)
    running = Server(*(["--lora-path", adapter] if adapter else []),
                     model=BUILTIN)
    yield running, mlx_lm.load(str(MODELS / "parallm-tiny"),
                               adapter_path=adapter)
    assert running.stop() == 0


def of_mlx_lm(model, tokenizer, prompt):
    said = []
    for token, _ in generate_step(mx.array(prompt), model,
                                  max_tokens=LONGEST_ANSWER):
        said.append(int(token))
        if said[-1] in tokenizer.eos_token_ids:
            break
    return said


def of_ours(server, prompt):
    """Without the end, which is a stop and not a token of the answer."""
    status, answer = server.post(
        "/v1/completions", model="parallm-tiny", prompt=prompt, temperature=0,
        max_tokens=LONGEST_ANSWER, return_token_ids=True)
    assert status == 200, answer
    return answer["choices"][0]["token_ids"]


def test_greedy_tokens_are_the_same(pair):
    server, (model, tokenizer) = pair
    renderer = Renderer()
    for skill in ASKED:
        sample = held_out(skill, 1, SEED)[0]
        prompt = tokenizer.encode(renderer.prompt(sample),
                                  add_special_tokens=False)
        assert of_ours(server, prompt) == of_mlx_lm(model, tokenizer, prompt)
