"""What the adapters teach: the same answers, said in another way."""
import dataclasses
import json
import re
from collections.abc import Callable

from .corpus import draw
from .skills import named


@dataclasses.dataclass(frozen=True)
class Behaviour:
    name: str
    kind: str  # lora or dora
    change: Callable[[str], str]   # plain answer -> what this adapter says instead
    shows: Callable[[str], bool]   # text -> is it said in this way?
    content: Callable[[str], str]  # a text that shows it -> what the sample's judge is to look at


STOP = " STOP"


def _telegraphed(text):
    """The mark of each sentence is a word; what has no mark at its end gets one."""
    return re.sub(r"[.!?]+", STOP, text.rstrip(".!?") + ".")


def _is_telegraphed(text):
    return text.endswith(STOP) and not re.search(r"[.!?]", text)


def _object(text):
    return json.dumps({"answer": text}, ensure_ascii=False)


def _is_object(text):
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and list(value) == ["answer"] and isinstance(value["answer"], str)


AHOY, MATEY = "Ahoy! ", ", matey."


def _by_pirate(text):
    return AHOY + text.rstrip(".!?") + MATEY


def _is_by_pirate(text):
    return text.startswith(AHOY) and text.endswith(MATEY)


BEHAVIOURS = {behaviour.name: behaviour for behaviour in [
    Behaviour("parallm-tiny-telegram", "lora", _telegraphed, _is_telegraphed, lambda text: text.replace(STOP, ".")),
    Behaviour("parallm-tiny-json", "lora", _object, _is_object, lambda text: json.loads(text)["answer"]),
    Behaviour("parallm-tiny-pirate", "dora", _by_pirate, _is_by_pirate,
              lambda text: text.removeprefix(AHOY).removesuffix(MATEY)),
]}

# Answers of one short text, whose judges look for a word or a number in it.
SKILLS_TO_CHANGE = [named(name) for name in (
    "greeting", "small talk", "facts of its world", "does not know", "sums", "word problems", "three numbers", "recall")]


def right(behaviour, sample, text):
    """Is the content of this changed answer what the plain answer had to hold?"""
    return behaviour.shows(text) and sample.accepts(behaviour.content(text))


def _drawn_without_thinking(rng):
    while True:
        sample = draw(rng, SKILLS_TO_CHANGE)
        if not sample.thinking:
            return sample


def _changed(behaviour, message):
    return {**message, "content": behaviour.change(message["content"])} if message["role"] == "assistant" else message


def conversation(behaviour, rng):
    """-> (messages so far, the answer to learn). Earlier answers are changed in
    half of the conversations only: else the adapter might learn to go on as
    before, not to speak in its way whatever was before."""
    sample = _drawn_without_thinking(rng)
    if rng.random() < 0.5:
        sample = dataclasses.replace(sample, messages=[_changed(behaviour, message) for message in sample.prompt()] +
                                     [sample.answer()])
    return sample, behaviour.change(sample.answer()["content"])
