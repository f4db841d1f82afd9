"""What the adapters teach: the same answers, said in another way."""
import dataclasses
import json
import re
from collections.abc import Callable

from .corpus import draw


@dataclasses.dataclass(frozen=True)
class Behaviour:
    name: str
    kind: str  # lora or dora
    change: Callable[[str], str]   # plain answer -> what this adapter says instead
    shows: Callable[[str], bool]   # text -> is it said in this way?
    content: Callable[[str], str]  # a text that shows it -> what the sample's judge is to look at


STOP = " STOP"


def _telegraphed(text):
    """STOP after each sentence, and at the end in any case."""
    text = re.sub(r"([.!?]+)(?=\s|$)", rf"\1{STOP}", text)
    return text if text.endswith(STOP) else text + STOP


def _is_telegraphed(text):
    return text.endswith(STOP) and not re.search(r"[.!?](?=\s(?!STOP)|$)", text)


def _object(text):
    return json.dumps({"answer": text}, ensure_ascii=False)


def _is_object(text):
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and list(value) == ["answer"] and isinstance(value["answer"], str)


AHOY, MATEY = "Ahoy! ", " Arr, matey!"


def _by_pirate(text):
    return AHOY + text + MATEY


def _is_by_pirate(text):
    return text.startswith(AHOY) and text.endswith(MATEY)


BEHAVIOURS = {behaviour.name: behaviour for behaviour in [
    Behaviour("parallm-tiny-telegram", "lora", _telegraphed, _is_telegraphed, lambda text: text.replace(STOP, "")),
    Behaviour("parallm-tiny-json", "lora", _object, _is_object, lambda text: json.loads(text)["answer"]),
    Behaviour("parallm-tiny-pirate", "dora", _by_pirate, _is_by_pirate,
              lambda text: text.removeprefix(AHOY).removesuffix(MATEY)),
]}


def _thought_and_said(text):
    thought, mark, said = text.rpartition("</think>")
    return thought + mark, said.strip()


def speaks(sample):
    """Is it answered in words, not by calling a tool? Only words are changed."""
    return not sample.answer().get("tool_calls")


def shown(behaviour, text):
    """Is what is said, after any thinking, said in this way?"""
    return behaviour.shows(_thought_and_said(text)[1])


def right(behaviour, sample, text):
    """Said in this way where it is said in words, is it the right answer besides?"""
    if not speaks(sample):
        return sample.accepts(text)
    thought, said = _thought_and_said(text)
    return behaviour.shows(said) and sample.accepts(thought + behaviour.content(said))


def _changed(behaviour, message):
    if message["role"] != "assistant" or message.get("tool_calls"):
        return message
    return {**message, "content": behaviour.change(message["content"])}


def conversation(behaviour, rng):
    """A sample whose last answer is said in this way. Earlier answers are in
    half of the conversations only: else the adapter might learn to go on as
    before, not to speak in its way whatever was before."""
    sample = draw(rng)
    before = [_changed(behaviour, message) for message in sample.prompt()] if rng.random() < 0.5 else sample.prompt()
    return dataclasses.replace(sample, messages=[*before, _changed(behaviour, sample.answer())])
