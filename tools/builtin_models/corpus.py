"""Samples as rows of tokens: what the model reads, and which of it it is to say."""
import json
import pathlib
import random

import jinja2
import numpy as np
from tokenizers import Tokenizer

from .sample import LETTER_BREAK, plain
from .skills import SKILLS

FOLDER = pathlib.Path(__file__).parent
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>",
           "<tools>", "</tools>"]
END_OF_TEXT = "<|endoftext|>"
ANSWER_BEGINS = "<|im_start|>assistant\n"


def tojson(value):
    return json.dumps(value, ensure_ascii=False)


def load_template():
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = tojson
    return environment.from_string((FOLDER / "chat_template.jinja").read_text())


def draw(rng, skills=SKILLS):
    """One sample of the training text: never one that is held out."""
    skill = rng.choices(skills, [skill.share for skill in skills])[0]
    while True:
        sample = skill.make(rng)
        if sample.trainable():
            return sample


def held_out(skill, count, seed):
    """Samples that training never draws."""
    rng = random.Random(f"{skill.name} {seed}")
    found = []
    while len(found) < count:
        sample = skill.make(rng)
        if sample.held_out():
            found.append(sample)
    return found


class Renderer:
    def __init__(self):
        self.template = load_template()

    def whole(self, sample):
        return plain(self._with_breaks(sample))

    def _with_breaks(self, sample):
        return self.template.render(messages=sample.messages, tools=sample.tools or None)

    def prompt(self, sample):
        return plain(self.template.render(messages=sample.prompt(), tools=sample.tools or None, add_generation_prompt=True,
                                          enable_thinking=sample.thinking))

    def pieces(self, sample):
        """(text, is it to be said?) in turn; together they are the whole. No
        token reaches over the end of a piece."""
        return [(part, said) for text, said in self._turns(sample) for part in text.split(LETTER_BREAK) if part]

    def _turns(self, sample):
        first, *answers = self._with_breaks(sample).split(ANSWER_BEGINS)
        pieces = [(first + ANSWER_BEGINS, False)]
        for i, answer in enumerate(answers):
            said, _, rest = answer.partition("<|im_end|>")
            if said.startswith("<think>\n"):
                pieces.append(("<think>\n", False))
                said = said.removeprefix("<think>\n")
            pieces.append((said + "<|im_end|>", True))
            last = i + 1 == len(answers)
            pieces.append((rest + (END_OF_TEXT if last else ANSWER_BEGINS), False))
        return pieces


class Rows:
    """Endless rows of `length` + 1 tokens, conversations one behind the other.

    A token's top bit says that it is to be said; vocabularies stay below 2^15.
    """
    SAID = 0x8000

    def __init__(self, tokenizer, length, seed, skills=SKILLS):
        self.tokenizer, self.length, self.skills = tokenizer, length, skills
        self.rng = random.Random(seed)
        self.renderer = Renderer()
        self.spare = np.empty(0, np.uint16)

    def more(self, samples=256):
        pieces = [piece for _ in range(samples) for piece in self.renderer.pieces(draw(self.rng, self.skills))]
        encoded = self.tokenizer.encode_batch([text for text, _ in pieces], add_special_tokens=False)
        parts = [np.array(each.ids, np.uint16) | (self.SAID if said else 0) for each, (_, said) in zip(encoded, pieces)]
        stream = np.concatenate([self.spare, *(part.astype(np.uint16) for part in parts)])
        rows = len(stream) // (self.length + 1)
        cut = rows * (self.length + 1)
        self.spare = stream[cut:]
        return stream[:cut].reshape(rows, self.length + 1)


def load_tokenizer(path):
    return Tokenizer.from_file(str(path))
