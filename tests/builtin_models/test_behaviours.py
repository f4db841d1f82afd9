"""The shipped adapters, through mlx-lm: each speaks in its own way, and only it does."""
import json
import pathlib

import mlx_lm
import pytest
from builtin_models.behaviours import BEHAVIOURS, SKILLS_TO_CHANGE, right
from builtin_models.corpus import held_out

MODELS = pathlib.Path(__file__).resolve().parent.parent.parent / "models"
BASE = MODELS / "parallm-tiny"
SEED = 2  # 1 is what train_adapter.py checks with
LONGEST_ANSWER = 80
PROMPTS_PER_SKILL = 2
PROMPTS = PROMPTS_PER_SKILL * len(SKILLS_TO_CHANGE)


@pytest.fixture(scope="module")
def samples():
    """The answers in their histories are plain: no prompt shows how to speak."""
    return [sample for skill in SKILLS_TO_CHANGE for sample in held_out(skill, PROMPTS_PER_SKILL, SEED)]


def _answers(samples, adapter):
    """Greedy, all in one batch."""
    model, tokenizer = mlx_lm.load(str(BASE), adapter_path=adapter and str(MODELS / adapter))
    prompts = [tokenizer.apply_chat_template(sample.prompt(), add_generation_prompt=True) for sample in samples]
    return mlx_lm.batch_generate(model, tokenizer, prompts, max_tokens=LONGEST_ANSWER).texts


@pytest.fixture(scope="module")
def answers(samples):
    """By adapter; None is the model alone."""
    return {adapter: _answers(samples, adapter) for adapter in [None, *BEHAVIOURS]}


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_adapter_answers_held_out_prompts_in_its_way(behaviour, answers):
    shown = [text for text in answers[behaviour.name] if behaviour.shows(text)]
    assert len(shown) >= 0.9 * PROMPTS, answers[behaviour.name]


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_adapter_keeps_the_content_of_most_answers(behaviour, answers, samples):
    wrong = [text for sample, text in zip(samples, answers[behaviour.name]) if not right(behaviour, sample, text)]
    assert len(wrong) <= 0.2 * PROMPTS, wrong


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_nobody_else_answers_in_the_way_of_this_adapter(behaviour, answers):
    others = {adapter: texts for adapter, texts in answers.items() if adapter != behaviour.name}
    assert not [(adapter, text) for adapter, texts in others.items() for text in texts if behaviour.shows(text)]


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_adapter_is_of_the_kind_it_is_meant_to_be(behaviour):
    config = json.loads((MODELS / behaviour.name / "adapter_config.json").read_text())
    assert (config["fine_tune_type"], config["lora_parameters"]["rank"]) == (behaviour.kind, 8)
