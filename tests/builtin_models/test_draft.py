"""The shipped draft model guesses what the chat model says next."""
import mlx.core as mx
import pytest
from mlx.utils import tree_flatten
from mlx_lm.generate import generate_step

from builtin_models.corpus import Renderer, held_out
from builtin_models.skills import SKILLS
from checkpoint import Checkpoint

CHAT, DRAFT = "parallm-tiny", "parallm-tiny-draft"
SEED = 4
LONGEST_ANSWER = 80
ACCEPTED = 0.6


@pytest.fixture(scope="module")
def chat():
    return Checkpoint(CHAT)


@pytest.fixture(scope="module")
def draft():
    return Checkpoint(DRAFT)


def _answer(chat, prompt):
    """What the chat model says, greedy, up to its end."""
    said = []
    for token, _ in generate_step(mx.array(prompt), chat.llama, max_tokens=LONGEST_ANSWER):
        said.append(int(token))
        if said[-1] in chat.config["eos_token_id"]:
            break
    return said


@pytest.fixture(scope="module")
def talks(chat):
    """(prompt, answer) of a held-out prompt of each skill, as tokens."""
    renderer = Renderer()
    prompts = [chat.tokens(renderer.prompt(held_out(skill, 1, SEED)[0])) for skill in SKILLS]
    return [(prompt, _answer(chat, prompt)) for prompt in prompts]


def _accepted(model, talks):
    """Share of the chat model's tokens that this one would have proposed, each
    after what was really said before it."""
    right = total = 0
    for prompt, said in talks:
        guesses = model.llama(mx.array([prompt + said[:-1]]))[0, len(prompt) - 1:].argmax(-1)
        right += int((guesses == mx.array(said)).sum())
        total += len(said)
    return right / total


def test_the_chat_model_accepts_most_of_its_tokens(draft, talks):
    assert _accepted(draft, talks) >= ACCEPTED


def test_the_chat_model_would_accept_all_of_its_own(chat, talks):
    assert _accepted(chat, talks) > 0.99


def test_random_weights_are_found_out(talks):
    random = Checkpoint(DRAFT)
    random.forget(seed=1)
    assert _accepted(random, talks) < 0.1


def test_it_is_small_and_speaks_the_same_tokens(chat, draft):
    assert sum(weight.size for _, weight in tree_flatten(draft.llama.parameters())) <= 1_000_000
    assert (draft.folder / "tokenizer.json").read_bytes() == (chat.folder / "tokenizer.json").read_bytes()
