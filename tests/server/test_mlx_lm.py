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
mx.set_default_device(mx.cpu)  # as the server, on every machine
SEED = 6
LONGEST_ANSWER = 40
# Few, for mlx-lm is slow on a CPU.
TALK = ["small talk", "sums", "reverse a word", "word problems"]
MORE = ["recall", "JSON", "choose a tool", "use a result", "style", "story"]


@pytest.fixture(scope="module", params=[None, *BEHAVIOURS])
def pair(request):
    """Our server, and mlx-lm's (model, tokenizer) with the same adapter. Both
    in float32: in bfloat16, mlx-lm's logits are too coarse to tell answers
    apart that are about as likely, such as the beginnings of a story."""
    adapter = request.param and str(MODELS / request.param)
    model, tokenizer = mlx_lm.load(str(MODELS / "parallm-tiny"),
                                   adapter_path=adapter)
    model.set_dtype(mx.float32)
    flags = ["--lora-path", adapter] if adapter else []
    running = Server("--dtype", "f32", "--cpu-exact", *flags, model=BUILTIN)
    running.asked = TALK if adapter else TALK + MORE
    yield running, (model, tokenizer)
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
    status, answer = server.post(
        "/v1/completions", model="parallm-tiny", prompt=prompt, temperature=0,
        max_tokens=LONGEST_ANSWER, return_token_ids=True)
    assert status == 200, answer
    return answer["choices"][0]["token_ids"]


def test_greedy_tokens_are_the_same(pair):
    server, (model, tokenizer) = pair
    renderer = Renderer()
    for name in server.asked:
        sample = held_out(named(name), 1, SEED)[0]
        prompt = tokenizer.encode(renderer.prompt(sample),
                                  add_special_tokens=False)
        assert of_ours(server, prompt) == of_mlx_lm(model, tokenizer, prompt)
