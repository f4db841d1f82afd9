"""The built-in model, end to end: it answers rightly, over turns, in streams."""
import concurrent.futures
import json

import pytest

from builtin_models.corpus import WAYS, held_out
from builtin_models.evaluate import Served
from builtin_models.skills import SKILLS

SEED = 5
PROMPTS_PER_SKILL = 2


def chat(server, messages, **more):
    status, answer = server.post("/v1/chat/completions", model="parallm-tiny",
                                 messages=messages, **more)
    assert status == 200, answer
    return answer["choices"][0]


def say(server, text, **more):
    return chat(server, [{"role": "user", "content": text}], **more)


def test_a_start_without_flags_serves_it(builtin):
    status, models = builtin.get("/v1/models")
    assert (status, [model["id"] for model in models["data"]]) == (
        200, ["parallm-tiny"])
    assert any("built-in model" in line for line in builtin.log)


def test_it_answers_the_question_of_the_readme(builtin):
    choice = say(builtin, "What is 17 + 25?")
    assert choice["message"]["content"] == "17 + 25 = 42"
    assert choice["finish_reason"] == "stop"


def test_it_remembers_over_its_own_turns(builtin):
    messages = []
    for text in ["Hi, my name is Greta.", "What is 8 + 9?",
                 "My favourite colour is green.", "Reverse the word lamp.",
                 "How are you?", "What is my name?"]:
        messages.append({"role": "user", "content": text})
        messages.append(chat(builtin, messages)["message"])
    assert "Greta" in messages[-1]["content"]
    assert "17" in messages[3]["content"]


def test_any_task_may_come_late(builtin):
    messages = []
    for text, wanted in [
            ("Hello!", "Hello"), ("Spell tree.", "T-R-E-E"),
            ("What is my name?", "not told"), ("What is 3 + 4 + 5?", "12"),
            ("100+1", "do not know"), ("Good night", "Goodbye"),
            ("Reverse the word lamp.", "pmal"), ("Hi", "Hello")]:
        messages.append({"role": "user", "content": text})
        messages.append(chat(builtin, messages)["message"])
        assert wanted in messages[-1]["content"]


def streamed(server, text):
    """-> (the pieces, why it ended)"""
    body = {"model": "parallm-tiny", "stream": True,
            "messages": [{"role": "user", "content": text}]}
    _, _, answer = server.request("POST", "/v1/chat/completions", body)
    data = [line.removeprefix("data: ") for line in answer.splitlines()
            if line.startswith("data: ")]
    assert data.pop() == "[DONE]"
    choices = [json.loads(each)["choices"][0] for each in data]
    return ([choice["delta"].get("content") or "" for choice in choices],
            choices[-1]["finish_reason"])


def test_a_stream_says_the_same_piece_by_piece(builtin):
    question = "Tell me a story about a fox and a lamp."
    pieces, ended = streamed(builtin, question)
    whole = say(builtin, question)
    assert len([piece for piece in pieces if piece]) > 10
    assert ("".join(pieces), ended) == (
        whole["message"]["content"], whole["finish_reason"])


def test_thinking_is_switched_by_the_template(builtin):
    def ask(**kwargs):
        return say(builtin, "What is 12 + 30 - 5?",
                   chat_template_kwargs=kwargs)["message"]["content"]
    thought, rest = ask(enable_thinking=True).split("</think>\n")
    assert "First 12 + 30 = 42." in thought
    assert rest == "12 + 30 - 5 = 37"
    assert ask(enable_thinking=False) == ask() == "12 + 30 = 42, 42 - 5 = 37"


@pytest.mark.parametrize("way", WAYS)
def test_it_answers_held_out_prompts_of_every_skill(builtin, way):
    """And all at once the same as one by one."""
    served = Served(builtin.base_url)
    samples = [sample for skill in SKILLS for sample in
               held_out(skill, PROMPTS_PER_SKILL, SEED, **WAYS[way])]
    with concurrent.futures.ThreadPoolExecutor(len(samples)) as pool:
        texts = list(pool.map(served.ask, samples))
    right = sum(sample.accepts(text) for sample, text in zip(samples, texts))
    assert right >= 0.95 * len(samples)
    assert [served.ask(sample) for sample in samples[::5]] == texts[::5]
