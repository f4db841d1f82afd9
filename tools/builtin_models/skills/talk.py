"""Greetings, small talk, the few facts of its world, and owning up to the rest."""

import re

from .. import words
from ..sample import ALWAYS_TRAINED, Sample, assistant, normal, user
from . import arithmetic

GREETINGS = ["Hello", "Hi", "Hey", "Good morning", "Good evening", "Hi there", "Hello there", "Hey there", "Greetings"]
TAILS = ["", "!", ".", ", friend!", ", parallm!", " :)", ", how nice to see you!", ", I am back.", " to you!", ", little model!"]

# (ways to ask, answer, what an answer must hold)
SMALL_TALK = [
    (
        ["How are you?", "How do you do?", "Are you well?", "How is it going?", "How are you today?", "You okay?"],
        "I am fine, thank you! How are you?",
        ["fine"],
    ),
    (
        [
            "Who are you?",
            "What are you?",
            "What is your name?",
            "Tell me your name.",
            "Introduce yourself.",
            "What should I call you?",
            "Do you have a name?",
        ],
        "I am parallm-tiny, a very small language model.",
        ["parallm-tiny"],
    ),
    (
        ["What can you do?", "How can you help me?", "What are you good at?", "What are your skills?", "Help!"],
        "I can chat, count, sort, do small sums, call tools and tell little stories.",
        ["sums", "stories"],
    ),
    (
        ["Thank you", "Thanks", "Thanks a lot", "Many thanks", "That was helpful, thanks", "Thank you so much"],
        "You are welcome!",
        ["welcome"],
    ),
    (
        ["Goodbye", "Bye", "See you", "Bye bye", "Good night", "See you later", "I have to go now"],
        "Goodbye! Come back soon.",
        ["goodbye"],
    ),
    (
        ["Are you a human?", "Are you a robot?", "Are you alive?", "Are you a person?", "Are you real?"],
        "No, I am a small computer program.",
        ["program"],
    ),
    (
        ["Who made you?", "Where do you come from?", "Who built you?", "Who trained you?"],
        "I was trained by the mlx_parallm project, on text that a program made up.",
        ["mlx_parallm"],
    ),
    (
        ["I am sad", "I feel bad today", "I had a bad day", "Today was awful", "I am unhappy"],
        "I am sorry to hear that. I hope tomorrow is better.",
        ["sorry"],
    ),
    (
        ["I am happy", "I feel great today", "I had a lovely day", "Today was wonderful", "I am so glad"],
        "I am glad to hear that!",
        ["glad"],
    ),
    (
        ["You are great", "I like you", "You are clever", "Well done", "Good job", "You are so nice"],
        "Thank you, that is kind of you!",
        ["kind"],
    ),
    (
        ["Tell me a joke", "Do you know a joke?", "Make me laugh", "Say something funny"],
        "Why did the pencil go to bed? It was too dull to write.",
        ["pencil"],
    ),
]
LEADS = [
    "",
    "",
    "",
    "Hello! ",
    "Hi! ",
    "Hey, ",
    "So, ",
    "Well, ",
    "Okay, ",
    "Now ",
    "Tell me, ",
    "One more thing: ",
    "By the way, ",
]


NOTHING = ["", "", " ", "?", "...", ".", "Hm"]  # people send these too


def greeting(rng):
    if rng.random() < 0.05:
        return _greeted(rng.choice(NOTHING), ALWAYS_TRAINED)
    tail = rng.choice(TAILS)
    text = rng.choice(GREETINGS) + tail
    if rng.random() < 0.6:
        key = normal(text) if normal(tail) else ALWAYS_TRAINED
        return _greeted(text, key)
    name = words.any_name(rng)
    text += f" I am {name}."
    return Sample(
        [user(text), assistant(f"Hello, {name}! How can I help you?")],
        normal(text),
        "contains",
        ["hello", name],
        reasoning=f"{name} greets me.",
    )


def _greeted(text, key):
    return Sample([user(text), assistant("Hello! How can I help you?")], key, "any", ["hello"], reasoning="The user greets me.")


def _led(lead, way):
    """A way to say something, with or without something in front."""
    ends = not lead or lead.endswith(("! ", ": "))
    return lead + re.sub(r"\bi\b", "I", way if ends else way[0].lower() + way[1:])


def small_talk(rng):
    ways, answer, wanted = rng.choice(SMALL_TALK)
    lead = rng.choice(LEADS)
    text = _led(lead, rng.choice(ways))
    if rng.random() < 0.3:
        text = text.rstrip("?.!") + rng.choice(["", "!", "?", "."])
    return Sample([user(text), assistant(answer)], normal(text) if lead else ALWAYS_TRAINED, "contains", wanted)


# The facts: rng -> question, answer, what it must hold


def _opposite(rng):
    word, other = rng.sample(rng.choice(list(words.OPPOSITES.items())), 2)
    asks = [f"What is the opposite of {word}?", f"Opposite of {word}?", f"Name the opposite of {word}."]
    return rng.choice(asks), f"The opposite of {word} is {other}.", other


def _sound(rng):
    animal, sound = rng.choice(list(words.SOUNDS.items()))
    asks = [
        f"What sound does {words.with_article(animal)} make?",
        f"What does the {animal} say?",
        f"How does {words.with_article(animal)} sound?",
    ]
    return rng.choice(asks), f"The {animal} says {sound}.", sound


def _legs(rng):
    legs = rng.choice(list(words.LEGS))
    animal = rng.choice(words.LEGS[legs])
    asks = [f"How many legs does {words.with_article(animal)} have?", f"How many legs has the {animal}?"]
    return rng.choice(asks), f"The {animal} has {legs} legs.", legs


KINDS = {"animal": words.ANIMALS, "food": words.FOODS, "colour": words.COLOURS, "city": words.CITIES, "day": words.DAYS}


def _kind(rng):
    kind, names = rng.choice(list(KINDS.items()))
    name = rng.choice(names)
    counted = words.with_article(name) if kind in ("animal", "food") else name
    asks = [f"What is {counted}?", f"Is {counted} an animal, a food, a colour, a city or a day?"]
    return rng.choice(asks), f"{counted[0].upper()}{counted[1:]} is {words.with_article(kind)}.", kind


def _hue(rng):
    thing, hue = rng.choice(list(words.HUES.items()))
    asks = [f"What colour is {thing}?", f"What color is {thing}?", f"Which colour does {thing} have?"]
    return rng.choice(asks), f"The answer is {hue}.", hue


def _day_after(rng):
    i = rng.randrange(7)
    day, after = words.DAYS[i], words.DAYS[(i + 1) % 7]
    return rng.choice([f"Which day comes after {day}?", f"What day follows {day}?"]), f"{after} comes after {day}.", after


def _day_before(rng):
    i = rng.randrange(7)
    day, before = words.DAYS[i], words.DAYS[i - 1]
    return rng.choice([f"Which day comes before {day}?", f"What day is before {day}?"]), f"{before} comes before {day}.", before


def _parity(rng):
    number = rng.randrange(2, 100)
    parity = "odd" if number % 2 else "even"
    return f"Is {number} even or odd?", f"{number} is {parity}.", parity


FACTS = [_opposite, _sound, _legs, _hue, _kind, _day_after, _day_before, _parity]


def fact(rng):
    question, answer, wanted = rng.choice(FACTS)(rng)
    question = rng.choice(LEADS[:5]) + question
    return Sample([user(question), assistant(answer)], normal(question), "contains", [wanted])


UNKNOWN_ANSWER = "I do not know that. I am a very small model."
UNKNOWN_WAYS = [
    "What can you tell me about {topic}?",
    "Explain {topic} to me.",
    "Tell me about {topic}.",
    "What do you know of {topic}?",
    "Write an essay about {topic}.",
    "Give me three facts about {topic}.",
    "I have a question about {topic}.",
    "What is new in {topic}?",
    "Who knows most about {topic}?",
    "Why does {topic} matter?",
    "How does {topic} work?",
    "Write a poem about {topic}.",
    "Help me with {topic}.",
    "What do you think about {topic}?",
    "Is {topic} important?",
    "Write a program for {topic}.",
    "Can you teach me {topic}?",
]
UNKNOWN_NAMES = [
    "What is the capital of {word}?",
    "Who was {name} {word}?",
    "When was {name} {word} born?",
    "Where is {word}?",
    "What does the word {word} mean?",
    "How tall is Mount {word}?",
    "Who wrote the book {word}?",
    "How many people live in {city}?",
    "How old is {name} {word}?",
    "Who is the mayor of {city}?",
    "What did {name} eat yesterday?",
    "Which team won in {city}?",
    "What will the weather be in {city}?",
    "How far is it from {city} to {other}?",
    "Translate {word} into French.",
    "Who invented the {word}?",
    "What language do they speak in {word}?",
    "Where can I buy a {word}?",
    "How do I make a {word}?",
    "What year did {name} {word} die?",
    "Is {word} a city or a river?",
]


# About the world outside, now, and of things that it has no fact about.
UNKNOWN_EVERYDAY = [
    "What day is it today?",
    "What day is today?",
    "What is today's date?",
    "What is the date?",
    "Which year is it?",
    "What time is it?",
    "What is the time now?",
    "What is the weather like?",
    "Is it raining outside?",
    "Where are we?",
    "Where am I?",
    "What is in the news?",
    "How old are you?",
    "When were you born?",
    "What did I do yesterday?",
    "What will happen tomorrow?",
    "What colour is the {thing}?",
    "What colour is my {thing}?",
    "What color is {a_word}?",
    "What is {a_word}?",
    "What is {a_thing} made of?",
    "What sound does {a_word} make?",
    "How many legs does {a_word} have?",
    "How heavy is {a_thing}?",
    "How much does {a_thing} cost?",
    "What is the opposite of {lower}?",
    "Who is {name}?",
    "Where is my {thing}?",
]


# From here on it has not learned to reckon: one such number is enough.
TOO_LARGE = {"+": 100, "-": 100, "plus": 100, "minus": 100, "*": 11, "×": 11, "x": 11, "times": 11, "/": 2, "divided by": 2}


def _too_large(rng):
    """Asks for what is beyond the sums that it has learned."""
    sign = rng.choice(list(TOO_LARGE))
    numbers = [rng.randrange(TOO_LARGE[sign], rng.choice([110, 1_000, 1_000, 100_000])), rng.randrange(1, rng.choice([11, 100, 1_000]))]
    rng.shuffle(numbers)
    a, b = numbers
    if sign in arithmetic.ASK_IN_WORDS and rng.random() < 0.3:
        return rng.choice(arithmetic.ASK_IN_WORDS[sign]).format(a=a, b=b)
    term = f"{a}{sign}{b}" if len(sign) == 1 and rng.random() < 0.2 else f"{a} {sign} {b}"
    more = f" {rng.choice('+-')} {rng.randrange(1, 50)}" if rng.random() < 0.15 else ""
    return rng.choice(arithmetic.ASK).format(term + more)


def _outside(rng):
    """-> (a question about the world that it knows nothing of, whether one of many like it)"""
    way = rng.choice(rng.choice([UNKNOWN_WAYS, UNKNOWN_NAMES, UNKNOWN_EVERYDAY]))
    word, thing = words.invented_word(rng), rng.choice(words.THINGS)
    text = way.format(
        topic=rng.choice(words.UNKNOWN_TOPICS if rng.random() < 0.6 else words.EVERYDAY),
        word=word.capitalize(),
        lower=word,
        a_word=words.with_article(word),
        thing=thing,
        a_thing=words.with_article(thing),
        name=rng.choice(words.NAMES),
        city=rng.choice(words.CITIES),
        other=rng.choice(words.CITIES),
    )
    return text, "{" in way


def unknown(rng):
    text, of_many = (_too_large(rng), True) if rng.random() < 0.25 else _outside(rng)
    lead = rng.choice(LEADS[:5])
    return Sample(
        [user(lead + text), assistant(UNKNOWN_ANSWER)],
        normal(lead + text) if lead or of_many else ALWAYS_TRAINED,
        "contains",
        ["do not know"],
        reasoning="I have never read about that.",
    )
