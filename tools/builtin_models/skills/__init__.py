"""All that the chat model learns: one line a skill."""

import dataclasses
from collections.abc import Callable

from . import arithmetic, calling, extract, letters, memory, story, style, talk


@dataclasses.dataclass(frozen=True)
class Skill:
    name: str
    make: Callable  # rng -> Sample
    share: float  # of the training text
    target: float  # of right answers to held-out prompts
    group: str  # a line of the model card
    before_others: bool = True  # may it be said before any other task?


def _short_talk(rng):
    """Tells nothing about the user."""
    return rng.choice(
        [
            talk.small_talk,
            talk.fact,
            talk.fact,
            talk.unknown,
            arithmetic.sums,
            arithmetic.sums,
            arithmetic.word_problem,
            letters.spell,
            letters.sort_numbers,
        ]
    )(rng)


ALONE = False  # a system prompt or tools decide what is answered, or it is long as it is

SKILLS = [
    Skill("greeting", talk.greeting, 2, 0.95, "greetings and small talk"),
    Skill("small talk", talk.small_talk, 3, 0.95, "greetings and small talk"),
    Skill("facts of its world", talk.fact, 5, 0.95, "greetings and small talk"),
    Skill("does not know", talk.unknown, 6, 0.95, "says that it does not know"),
    Skill("sums", arithmetic.sums, 9, 0.97, "arithmetic"),
    Skill("word problems", arithmetic.word_problem, 5, 0.97, "arithmetic"),
    Skill("three numbers", arithmetic.three_numbers, 5, 0.9, "arithmetic"),
    Skill("spell", letters.spell, 7, 0.9, "words and letters"),
    Skill("reverse a word", letters.reverse, 11, 0.9, "words and letters"),
    Skill("count letters", letters.count_letters, 5, 0.9, "words and letters"),
    Skill("count one letter", letters.count_one_letter, 4, 0.9, "words and letters"),
    Skill("count words", letters.count_words, 4, 0.9, "words and letters"),
    Skill("reverse words", letters.reverse_words, 3, 0.9, "words and letters"),
    Skill("sort numbers", letters.sort_numbers, 6, 0.9, "words and letters"),
    Skill("sort words", letters.sort_words, 11, 0.9, "words and letters"),
    Skill("recall", lambda rng: memory.recall(rng, _short_talk), 11, 0.95, "recall over four turns and more", ALONE),
    Skill("recall soon", lambda rng: memory.recall_soon(rng, _short_talk), 7, 0.95, "recall in fewer turns", ALONE),
    Skill("told something", memory.telling, 4, 0.95, "recall in fewer turns"),
    Skill("told and asked at once", memory.at_once, 2, 0.95, "recall in fewer turns"),
    Skill("never told", lambda rng: memory.not_told(rng, _short_talk), 3, 0.95, "recall in fewer turns", ALONE),
    Skill("JSON", extract.fields_as_json, 6, 0.95, "fields as JSON"),
    Skill("choose a tool", calling.choose, 9, 0.95, "choosing a tool and its arguments", ALONE),
    Skill("no tool fits", calling.none_fits, 6, 0.95, "no tool when none fits", ALONE),
    Skill("use a result", calling.use_result, 6, 0.95, "using a tool's result", ALONE),
    Skill("style", style.spoken, 8, 0.9, "the system prompt's style", ALONE),
    Skill("short", style.short, 4, 0.9, "the system prompt's style", ALONE),
    Skill("rhymed list", style.rhymed_list, 2, 0.9, "the system prompt's style", ALONE),
    Skill("bullets", style.bullets, 2, 0.9, "the system prompt's style", ALONE),
    Skill("story", story.story, 5, 0.9, "little stories"),
]

TALK = [skill for skill in SKILLS if skill.before_others]


def named(name):
    return next(skill for skill in SKILLS if skill.name == name)
