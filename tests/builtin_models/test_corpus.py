"""What the chat model is trained on and judged by."""
import random

import pytest

from builtin_models.corpus import HEARD, Renderer, draw, held_out
from builtin_models.sample import normal, plain
from builtin_models.skills import SKILLS, named

SEED = 7
DRAWS = 20_000


@pytest.fixture(scope="module")
def renderer():
    return Renderer()


@pytest.fixture(scope="module")
def drawn():
    rng = random.Random(SEED)
    return [draw(rng) for _ in range(DRAWS)]


@pytest.fixture(scope="module")
def trained(drawn, renderer):
    return "\n".join(map(renderer.whole, drawn))


def said(renderer, sample):
    """The last answer as the model has to say it."""
    whole = renderer.whole(sample).split("<|im_start|>assistant\n")[-1]
    return whole.split("<|im_end|>")[0].removeprefix("<think>\n")


def test_no_held_out_task_is_drawn(drawn):
    assert not [sample for sample in drawn if sample.held_out()]


def test_no_held_out_sum_is_written_anywhere(trained):
    for sample in held_out(named("sums"), 400, SEED):
        if "×" not in sample.answer()["content"]:
            assert f"\n{sample.answer()['content']}\n" not in trained.replace("<|im_end|>", "\n")


@pytest.mark.parametrize("name", ["spell", "JSON", "sort numbers", "count words", "small talk", "facts of its world"])
def test_no_held_out_prompt_is_asked_anywhere(name, drawn):
    asked = {normal(message["content"]) for sample in drawn for message in sample.messages if message["role"] == "user"}
    assert not [sample for sample in held_out(named(name), 200, SEED) if normal(sample.question()) in asked]


def test_no_held_out_prompt_is_answered_by_a_call_anywhere(drawn):
    """Asked without a tool for it, it is another task."""
    called = {normal(asked["content"]) for sample in drawn for asked, answer in zip(sample.messages, sample.messages[1:])
              if answer.get("tool_calls")}
    assert called
    assert not [sample for sample in held_out(named("choose a tool"), 200, SEED) if normal(sample.question()) in called]


def test_held_out_prompts_differ():
    for skill in SKILLS:
        prompts = [str(sample.prompt()) for sample in held_out(skill, 60, SEED)]
        assert len(set(prompts)) == len(prompts) >= 50


@pytest.mark.parametrize("thinking", [False, True])
@pytest.mark.parametrize("skill", SKILLS, ids=lambda skill: skill.name)
def test_a_judge_takes_the_right_answer_and_no_other(skill, thinking, renderer):
    samples = held_out(skill, 40, SEED, thinking)
    assert all(sample.accepts(said(renderer, sample)) for sample in samples)
    for wrong in ("", "Perhaps, who can say?"):
        assert not any(sample.accepts("Hm.\n</think>\n" * thinking + wrong) for sample in samples)


def test_an_answer_that_was_not_thought_over_is_wrong_where_it_should_have_been():
    plain_one, thought = (held_out(named("sums"), 1, SEED, thinking)[0] for thinking in (False, True))
    right = plain_one.answer()["content"]
    assert plain_one.accepts(right) and not thought.accepts(right)
    assert thought.accepts("Easy.\n</think>\n" + right) and not plain_one.accepts("Easy.\n</think>\n" + right)


def test_pieces_are_the_whole_and_answers_are_to_be_said(drawn, renderer):
    for sample in drawn[:500]:
        pieces = renderer.pieces(sample)
        assert plain("".join(text for text, _ in pieces)) == renderer.whole(sample) + "<|endoftext|>"
        heard = "".join(text for text, role in pieces if role == HEARD)
        assert plain(sample.answer()["content"]) == "" or said(renderer, sample) not in heard.split("assistant\n")[-1]
