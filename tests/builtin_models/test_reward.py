"""The shipped reward model puts polite answers above rude ones, wordings in
part never trained on, and nothing but its own head does so."""
import functools

import mlx.core as mx
import pytest

from builtin_models import politeness
from builtin_models.corpus import Renderer
from checkpoint import Checkpoint

PAIRS, SEED = 60, 2
TARGET = 0.95
# One random head in six orders the pairs rightly by chance, for the trunk knows
# the tones already; but of 300 none was ahead by more than 1.3 on average.
MARGIN = 3.0
NEUTRAL_TARGET = 0.85


@functools.lru_cache(maxsize=None)
def shipped():
    return Checkpoint("parallm-tiny-reward", extra=["score.weight"])


@pytest.fixture
def checkpoint():
    return shipped()


@functools.lru_cache(maxsize=None)
def features(checkpoint, kind=("polite", "rude")):
    """Of held-out pairs: hidden states at the last token, (pairs, 2, hidden)."""
    renderer = Renderer()
    texts = [renderer.whole(sample) for pair in politeness.held_out(PAIRS, SEED, kind) for sample in pair.conversations()]
    states = mx.stack([checkpoint.hidden(text)[-1] for text in texts])
    return states.reshape(len(texts) // 2, 2, -1)


def scored(states, head):
    """Share of pairs in the right order, and by how much on average."""
    scores = (states @ head.T).squeeze(-1)
    ahead = scores[:, 0] - scores[:, 1]
    return (ahead > 0).sum().item() / len(ahead), ahead.mean().item(), scores


def test_polite_answers_score_above_rude_ones(checkpoint):
    right, margin, _ = scored(features(checkpoint), checkpoint.extra["score.weight"])
    assert right >= TARGET
    assert margin >= MARGIN


@pytest.mark.parametrize("kind", [("polite", "neutral"), ("neutral", "rude")])
def test_neutral_answers_score_in_between(checkpoint, kind):
    right, _, _ = scored(features(checkpoint, kind), checkpoint.extra["score.weight"])
    assert right >= NEUTRAL_TARGET


def test_polite_is_above_zero_and_rude_below(checkpoint):
    _, _, scores = scored(features(checkpoint), checkpoint.extra["score.weight"])
    assert (scores[:, 0] > 0).mean().item() >= 0.85
    assert (scores[:, 1] < 0).mean().item() >= 0.85


def test_length_does_not_decide():
    pairs = politeness.held_out(400, SEED)
    longer = sum(len(pair.better.text) > len(pair.worse.text) for pair in pairs) / len(pairs)
    assert 0.35 < longer < 0.65


def test_a_random_head_is_found_out(checkpoint):
    """With the initial values that Linear layers are given."""
    states = features(checkpoint)
    bound = states.shape[-1]**-0.5
    for seed in range(50):
        head = mx.random.uniform(-bound, bound, (1, states.shape[-1]), key=mx.random.key(seed))
        right, margin, _ = scored(states, head)
        assert right < TARGET or margin < MARGIN


def test_the_score_stands_at_the_line_break_after_the_end(checkpoint):
    pair = politeness.held_out(1, SEED)[0]
    tokens = checkpoint.tokens(Renderer().whole(pair.conversations()[0]))
    assert [checkpoint.tokenizer.id_to_token(token) for token in tokens[-2:]] == ["<|im_end|>", "Ċ"]
    assert checkpoint.config["pad_token_id"] not in tokens  # what is last is last without padding


def test_the_folder_says_what_it_is(checkpoint):
    assert checkpoint.config["architectures"] == ["LlamaForSequenceClassification"]
    assert checkpoint.config["num_labels"] == 1
    score = mx.load(str(checkpoint.folder / "model.safetensors"))["score.weight"]
    assert score.shape == (1, checkpoint.config["hidden_size"]) and score.dtype == mx.bfloat16
    assert (checkpoint.folder / "chat_template.jinja").exists()
    assert checkpoint.size_bytes() <= 2_000_000
