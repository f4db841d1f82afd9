"""Samples as rows of tokens: what the model reads, and which of it it is to say."""
import json
import pathlib
import random

import jinja2
import numpy as np
from tokenizers import Tokenizer

from .dress import dressed, later
from .sample import LETTER_BREAK, plain
from .skills import SKILLS, TALK

FOLDER = pathlib.Path(__file__).parent
SHOWN = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<tools>", "</tools>"]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *SHOWN]
END_OF_TEXT = "<|endoftext|>"
ANSWER_BEGINS = "<|im_start|>assistant\n"


def tojson(value):
    return json.dumps(value, ensure_ascii=False)


def load_template():
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = tojson
    return environment.from_string((FOLDER / "chat_template.jinja").read_text())


def _trained_on(rng, skills):
    """A sample as its skill makes it; never one that is held out."""
    skill = rng.choices(skills, [skill.share for skill in skills])[0]
    while True:
        sample = skill.make(rng)
        if sample.trainable():
            return sample


def talk(rng):
    """What may have been said before any task."""
    return _trained_on(rng, TALK)


def draw(rng, skills=SKILLS):
    """One sample of the training text."""
    return dressed(rng, _trained_on(rng, skills), talk)


# How a task is asked to judge the model, and how such samples are drawn.
WAYS = {"plain": {}, "thinking": {"thinking": True}, "after other talk": {"after_talk": True}}


def held_out(skill, count, seed, thinking=False, after_talk=False):
    """Samples that training never draws, no two with the same prompt; fewer
    than `count` where there are no more. After talk, that is trained on."""
    rng, found = random.Random(f"{skill.name} {seed}"), {}
    for _ in range(count * 200):
        sample = skill.make(rng)
        if sample.held_out():
            found.setdefault(json.dumps(sample.prompt()), sample)
        if len(found) == count:
            break
    samples = [sample.thought_over() if thinking else sample for sample in found.values()]
    return [later(rng, sample, talk) for sample in samples if not sample.comes_first] if after_talk else samples


# What a token is to the model, in its two top bits: vocabularies stay below 2^14.
SAID = 0x8000   # its own words
HEARD = 0       # the words of others
GIVEN = 0x4000  # not to be learned: what the template begins an answer with, answers whose thought it leaves out
TOKEN = 0x3fff


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
        """(text, SAID, HEARD or GIVEN) in turn; together they are the whole. No
        token reaches over the end of a piece."""
        return [(part, role) for text, role in self._turns(sample) for part in text.split(LETTER_BREAK) if part]

    def _turns(self, sample):
        first, *answers = self._with_breaks(sample).split(ANSWER_BEGINS)
        pieces = [(first + ANSWER_BEGINS, HEARD)]
        for i, answer in enumerate(answers):
            said, _, rest = answer.partition("<|im_end|>")
            if said.startswith("<think>\n"):
                pieces.append(("<think>\n", GIVEN))
                said = said.removeprefix("<think>\n")
            last = i + 1 == len(answers)
            pieces.append((said + "<|im_end|>", SAID if last or not sample.thinking else GIVEN))
            pieces.append((rest + (END_OF_TEXT if last else ANSWER_BEGINS), HEARD))
        return pieces


class Rows:
    """Endless rows of `length` + 1 tokens, whole conversations one behind the
    other; what is left of a row is END_OF_TEXT. Each token holds SAID, HEARD or GIVEN.
    """

    def __init__(self, tokenizer, length, seed, skills=SKILLS):
        self.tokenizer, self.length, self.skills = tokenizer, length, skills
        self.rng = random.Random(seed)
        self.renderer = Renderer()
        self.end = tokenizer.token_to_id(END_OF_TEXT)
        self.open = []  # conversations of a row that is not full

    def more(self, samples=256):
        rows = []
        for tokens in self._conversations(samples):
            if sum(map(len, self.open)) + len(tokens) > self.length + 1:
                rows.append(self._close())
            self.open.append(tokens[:self.length + 1])
        return np.stack(rows)

    def _conversations(self, samples):
        pieces = [self.renderer.pieces(draw(self.rng, self.skills)) for _ in range(samples)]
        texts = [text for each in pieces for text, _ in each]
        encoded = iter(self.tokenizer.encode_batch(texts, add_special_tokens=False))
        for each in pieces:
            yield np.concatenate([np.array(next(encoded).ids, np.uint16) | np.uint16(role) for _, role in each])

    def _close(self):
        row = np.full(self.length + 1, self.end, np.uint16)
        tokens = np.concatenate(self.open)
        row[:len(tokens)] = tokens
        self.open = []
        return row


def load_tokenizer(path):
    return Tokenizer.from_file(str(path))
