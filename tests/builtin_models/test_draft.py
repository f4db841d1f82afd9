"""The shipped draft model guesses what the chat model says next."""
import mlx.core as mx
import pytest
from mlx.utils import tree_flatten

from builtin_models.corpus import held_out
from builtin_models.skills import SKILLS
from checkpoint import Checkpoint

CHAT, DRAFT = "parallm-tiny", "parallm-tiny-draft"
SEED = 4
LONGEST_PROMPT, LONGEST_ANSWER = 150, 80
ACCEPTED = 0.6


@pytest.fixture(scope="module")
def chat():
    return Checkpoint(CHAT)


@pytest.fixture(scope="module")
def draft():
    return Checkpoint(DRAFT)


@pytest.fixture(scope="module")
def talks(chat):
    """(prompt, answer) of a held-out prompt of every other skill, as tokens."""
    prompts = [chat.shortest(held_out(skill, 12, SEED))[1] for skill in SKILLS]
    return [(prompt, chat.answer(prompt, LONGEST_ANSWER)) for prompt in prompts if len(prompt) <= LONGEST_PROMPT]


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
    accepted = _accepted(draft, talks)
    print(f"draft: {accepted:.1%} of {sum(len(said) for _, said in talks)} tokens, {len(talks)} answers")  # for the card
    assert accepted >= ACCEPTED


def test_the_chat_model_would_accept_all_of_its_own(chat, talks):
    assert _accepted(chat, talks[::4]) > 0.99


def test_random_weights_are_found_out(talks):
    random = Checkpoint(DRAFT)
    random.forget(seed=1)
    assert _accepted(random, talks) < 0.1


def test_it_is_small_and_speaks_the_same_tokens(chat, draft):
    assert sum(weight.size for _, weight in tree_flatten(draft.llama.parameters())) <= 1_000_000
    assert (draft.folder / "tokenizer.json").read_bytes() == (chat.folder / "tokenizer.json").read_bytes()
