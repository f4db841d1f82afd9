"""The shipped adapters, through mlx-lm's layers: each speaks in its own way, and only it does."""
import functools
import json

import pytest

from builtin_models.behaviours import BEHAVIOURS, right, shown
from builtin_models.corpus import held_out
from builtin_models.skills import named
from checkpoint import MODELS, Checkpoint

SEED = 2  # 1 is what train_adapter.py checks with
LONGEST_ANSWER = 80
# Of short answers, since MLX is slow here; tests/server asks in all skills.
ASKED = [named(name) for name in (
    "greeting", "small talk", "facts of its world", "does not know", "sums", "word problems", "spell", "JSON", "never told")]


@functools.lru_cache(maxsize=None)
def answers(adapter):
    """(sample, text) of a prompt of each skill; None is the model alone. What
    was said before in a prompt is plain: it does not show how to speak."""
    model = Checkpoint("parallm-tiny")
    prompts = [model.shortest(held_out(skill, 12, SEED)) for skill in ASKED]
    if adapter:
        model.adapt(adapter)
    return [(sample, model.tokenizer.decode(model.answer(prompt, LONGEST_ANSWER))) for sample, prompt in prompts]


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_adapter_answers_held_out_prompts_in_its_way(behaviour):
    others = [text for _, text in answers(behaviour.name) if not shown(behaviour, text)]
    assert not others


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_adapter_keeps_the_content_of_most_answers(behaviour):
    wrong = [text for sample, text in answers(behaviour.name) if not right(behaviour, sample, text)]
    assert len(wrong) <= 0.2 * len(ASKED), wrong


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_nobody_else_answers_in_the_way_of_this_adapter(behaviour):
    others = {None, *BEHAVIOURS} - {behaviour.name}
    assert not [(adapter, text) for adapter in others for _, text in answers(adapter) if shown(behaviour, text)]


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_adapter_is_of_the_kind_it_is_meant_to_be(behaviour):
    config = json.loads((MODELS / behaviour.name / "adapter_config.json").read_text())
    assert (config["fine_tune_type"], config["lora_parameters"]["rank"]) == (behaviour.kind, 8)
