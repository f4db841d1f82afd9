"""Facts told earlier in the conversation, over four turns and more."""

import dataclasses
from collections.abc import Callable

from .. import words
from ..sample import ALWAYS_TRAINED, Sample, assistant, normal, user


def _any_of(values):
    return lambda rng: words.any_thing(rng, values)


def _in_any_case(value):
    """Now and then without capitals."""

    def drawn(rng):
        text = value(rng)
        return text.lower() if rng.random() < 0.15 else text

    return drawn


@dataclasses.dataclass(frozen=True)
class Fact:
    """{} is the value."""

    tell: list  # ways to tell it
    reply: str
    ask: list  # ways to ask for it
    answer: str
    value: Callable  # rng -> str


FACTS = {
    "name": Fact(
        ["My name is {}.", "I am called {}.", "I'm {}.", "Call me {}.", "Hi, my name is {}.", "Hi, I'm {}!"],
        "Hello, {}! Nice to meet you.",
        ["What is my name?", "Do you know my name?", "Who am I?", "Do you remember my name?", "What am I called?"],
        "Your name is {}.",
        _in_any_case(words.any_name),
    ),
    "colour": Fact(
        ["My favourite colour is {}.", "My favorite color is {}.", "I like {} best of all colours.", "The colour I love is {}."],
        "{} is a nice colour.",
        ["What is my favourite colour?", "What is my favorite color?", "Which colour do I like best?", "Which colour do I love?"],
        "Your favourite colour is {}.",
        _any_of(words.COLOURS),
    ),
    "number": Fact(
        ["My lucky number is {}.", "Remember the number {}.", "My number is {}."],
        "I will remember {}.",
        ["What is my number?", "Which number did I tell you?", "Do you remember my number?"],
        "Your number is {}.",
        words.any_number,
    ),
    "word": Fact(
        ["The secret word is {}.", "Remember the word {}.", "My password is {}."],
        "I keep {} in mind.",
        ["What is the secret word?", "Which word did I tell you?", "What is my password?"],
        "The word is {}.",
        words.any_password,
    ),
    "city": Fact(
        ["I live in {}.", "My home is in {}.", "I come from {}."],
        "{} is a fine place.",
        ["Where do I live?", "Which city is my home?", "Where is my home?"],
        "You live in {}.",
        _in_any_case(words.any_city),
    ),
    "food": Fact(
        ["My favourite food is {}.", "My favorite food is {}.", "I like to eat {} most.", "I love {} for dinner."],
        "{} sounds tasty.",
        ["What is my favourite food?", "What is my favorite food?", "What do I like to eat most?", "What do I love for dinner?"],
        "Your favourite food is {}.",
        _any_of(words.FOODS),
    ),
    "animal": Fact(
        ["I have a pet {}.", "My pet is a {}.", "At home I have a {}."],
        "A {} is a lovely pet.",
        ["What pet do I have?", "Which animal is my pet?", "What kind of pet is mine?"],
        "You have a {}.",
        _any_of(words.ANIMALS),
    ),
    "pet's name": Fact(
        ["My pet is called {}.", "My cat is called {}.", "My dog is called {}.", "I have a cat called {}.", "I have a dog called {}."],
        "{} is a nice name for a pet.",
        ["What is my pet called?", "What is my pet's name?", "What is the name of my pet?"],
        "Your pet is called {}.",
        _in_any_case(words.any_name),
    ),
    "favourite animal": Fact(
        ["My favourite animal is the {}.", "My favorite animal is the {}.", "The animal I like best is the {}."],
        "The {} is a fine animal.",
        ["What is my favourite animal?", "What is my favorite animal?", "Which animal do I like best?"],
        "Your favourite animal is the {}.",
        _any_of(words.ANIMALS),
    ),
    "job": Fact(
        ["I work as a {}.", "My job is {}.", "I am a {} by trade."],
        "Being a {} must be interesting.",
        ["What is my job?", "What do I do for work?", "What do I work as?"],
        "You work as a {}.",
        _any_of(words.JOBS),
    ),
    "age": Fact(
        ["I am {} years old.", "My age is {}.", "I turned {} today."],
        "{} is a fine age.",
        ["How old am I?", "What is my age?", "Do you know how old I am?"],
        "You are {} years old.",
        lambda rng: str(rng.randrange(2, 100)),
    ),
}


def _capital(text):
    return text[0].upper() + text[1:]


def _filled(text, value):
    return words.with_articles(text.format(value))


def _told(rng, fact, value):
    return [user(_filled(rng.choice(FACTS[fact].tell), value)), assistant(_capital(_filled(FACTS[fact].reply, value)))]


def _asked(rng, fact, value):
    return [user(rng.choice(FACTS[fact].ask)), assistant(_filled(FACTS[fact].answer, value))]


def _keys(turns):
    """To answer what is told is a task too."""
    return [normal(message["content"]) for turn in turns for message in turn if message["role"] == "user"]


def _changed_mind(rng, fact, value):
    told, reply = _told(rng, fact, value)
    text = told["content"]
    return [user("Actually, " + (text if text.split()[0] in ("I", "I'm") else text[0].lower() + text[1:])), reply]


def _turns(rng):
    """Mostly a few, sometimes as many as the context holds."""
    return rng.randrange(4, 8) if rng.random() < 0.85 else rng.randrange(8, 52)


def _among(rng, turns, filler, count):
    """Puts other talk between and behind, up to so many turns; its tasks."""
    within = []
    while len(turns) < count:
        between = filler(rng)
        within += between.tasks()
        turns.insert(rng.randrange(len(turns) + 1) if rng.random() < 0.5 else len(turns), between.messages)
    return within


def recall(rng, filler):
    """`filler` makes a short sample to put between; facts first, then the question."""
    return _recalled(rng, filler, _turns(rng))


def recall_soon(rng, filler=None):
    """After a turn or a few."""
    return _recalled(rng, filler, rng.choice((0, 0, 0, 2, 3)) if filler else 0)


def recall_at_last(rng):
    """With nothing in between, and one question only."""
    return _recalled(rng, None, 0, most_questions=1)


def _recalled(rng, filler, turns_at_least, most_questions=4):
    facts = rng.sample(list(FACTS), rng.choice((1, 1, 2, 3, 4)))
    told = {fact: FACTS[fact].value(rng) for fact in facts}
    turns = [_told(rng, fact, value) for fact, value in told.items()]
    if rng.random() < 0.25:
        fact = rng.choice(facts)
        told[fact] = FACTS[fact].value(rng)
        turns.append(_changed_mind(rng, fact, told[fact]))
    within = _keys(turns) + _among(rng, turns, filler, turns_at_least)
    earlier = rng.randrange(min(len(facts), most_questions))
    turns += [_asked(rng, again, told[again]) for again in rng.sample(facts, earlier)]
    last = rng.choice(facts)
    messages = [message for turn in [*turns, _asked(rng, last, told[last])] for message in turn]
    key = "|".join(message["content"] for message in messages[:-1])
    return Sample(messages, key, "contains", [told[last]], within=within, reasoning=_remembered(told[last]))


def telling(rng):
    """Only told."""
    fact = rng.choice(list(FACTS))
    value = FACTS[fact].value(rng)
    told, reply = _told(rng, fact, value)
    return Sample([told, reply], normal(told["content"]), "letters", reply["content"].lower(), reasoning=_remembered(value))


def at_once(rng):
    """Told and asked in one message, sometimes with something else in between."""
    fact, other = rng.sample(list(FACTS), 2)
    value = FACTS[fact].value(rng)
    parts = [_told(rng, fact, value)[0]["content"]]
    if rng.random() < 0.4:
        parts.insert(rng.randrange(2), _told(rng, other, FACTS[other].value(rng))[0]["content"])
    question, answer = _asked(rng, fact, value)
    text = " ".join([*parts, question["content"]])
    return Sample([user(text), answer], normal(text), "contains", [value], reasoning=_remembered(value))


NOT_TOLD = "You have not told me that yet."


def not_told(rng, filler):
    """Asked for what nobody has said, often after other things were told."""
    asked, *told = rng.sample(list(FACTS), rng.choice((1, 1, 2, 3)))
    turns = [_told(rng, fact, FACTS[fact].value(rng)) for fact in told]
    within = _keys(turns) + _among(rng, turns, filler, len(turns) + rng.choice((0, 0, 1, 2, 4)))
    question = rng.choice(FACTS[asked].ask)
    messages = [message for turn in turns for message in turn] + [user(question), assistant(NOT_TOLD)]
    key = "|".join(message["content"] for message in messages[:-1]) if turns else ALWAYS_TRAINED
    return Sample(messages, key, "contains", ["not told"], within=within, reasoning="The user has not told me that.", comes_first=True)


def _remembered(value):
    return f"The user told me: {value}."
