"""The shipped embedding model has paraphrases nearer than other sentences, at
each of its sizes, and nothing that was not trained does so."""
import functools
import itertools

import mlx.core as mx
import pytest

from builtin_models import paraphrases
from checkpoint import Checkpoint

TRIPLES, SEED = 60, 2
TARGET = 0.95
SIZES = [64, 128, 192]


@functools.lru_cache(maxsize=None)
def shipped():
    return Checkpoint("parallm-tiny-embedding")


@pytest.fixture
def checkpoint():
    return shipped()


def pooled(checkpoint, kind):
    """Of held-out triples: means of the hidden states, (triples, 3, hidden)."""
    texts = itertools.chain.from_iterable(paraphrases.held_out(TRIPLES, SEED, kind))
    means = mx.stack([checkpoint.hidden(text).mean(0) for text in texts])
    return means.reshape(TRIPLES, 3, -1)


def vectors(means, size):
    """Shortened, and of length 1 again."""
    cut = means[..., :size]
    return cut / mx.linalg.norm(cut, axis=-1, keepdims=True)


@functools.lru_cache(maxsize=None)
def shipped_pooled(kind):
    return pooled(shipped(), kind)


def ranked(means, size):
    """Share of triples whose paraphrase is nearer than the other sentence."""
    said, same, other = mx.split(vectors(means, size), 3, axis=1)
    return ((said * same).sum(-1) > (said * other).sum(-1)).sum().item() / len(said)


@pytest.mark.parametrize("kind", paraphrases.KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_paraphrases_are_nearer(kind, size):
    assert ranked(shipped_pooled(kind), size) >= TARGET


@pytest.mark.parametrize("size", SIZES)
def test_vectors_have_length_1(size):
    lengths = mx.linalg.norm(vectors(shipped_pooled("unrelated"), size), axis=-1)
    assert mx.abs(lengths - 1).max().item() < 1e-3


def test_random_weights_are_found_out():
    """Shared words alone tell related from unrelated; they do not tell the
    same wording about something else from another wording of the same."""
    random = Checkpoint("parallm-tiny-embedding")
    random.forget(seed=1)
    means = pooled(random, "same wording")
    assert all(ranked(means, size) < 0.7 for size in SIZES)


def test_the_folder_says_how_to_pool(checkpoint):
    pooling = checkpoint.json("1_Pooling/config.json")
    modes = [name for name, on in pooling.items() if name.startswith("pooling_mode_") and on]
    assert modes == ["pooling_mode_mean_tokens"]
    assert pooling["word_embedding_dimension"] == SIZES[-1] == checkpoint.config["hidden_size"]
    kinds = [module["type"].rsplit(".", 1)[1] for module in checkpoint.json("modules.json")]
    assert kinds == ["Transformer", "Pooling", "Normalize"]
    assert checkpoint.json("config_sentence_transformers.json")["similarity_fn_name"] == "cosine"


def test_the_folder_says_what_it_is(checkpoint):
    assert checkpoint.config["architectures"] == ["LlamaModel"]
    assert checkpoint.config["matryoshka_dims"] == checkpoint.config["matryoshka_dimensions"] == SIZES
    assert not (checkpoint.folder / "chat_template.jinja").exists()
    assert checkpoint.size_bytes() <= 2_000_000
