"""Little stories from a grammar: a hero, a wish, a helper, an end."""

from .. import words
from ..sample import Sample, assistant, user

ASK_BOTH = [
    "Tell me a story about {a} and {t}.",
    "Write a little story about {a} and {t}.",
    "A story with {a} and {t}, please.",
    "Make up a story about {a} and {t}.",
    "Write a story about {a} with {t}.",
]
ASK_ONE = ["Tell me a story about {a}.", "Write a story about {a}.", "Make up a little story about {a}."]
ASK_ANY = [
    "Tell me a story.",
    "Tell me a little story.",
    "Write a story, please.",
    "Do you know a story?",
    "I want to hear a story.",
]

STARTS = [
    "Once there was {a_mood} {hero} called {name}.",
    "Near {a_place} lived {a_mood} {hero}. Everybody called {him} {name}.",
    "{name} was {a_mood} {hero} who lived near {a_place}.",
    "Long ago, {a_mood} {hero} named {name} came to {a_place}.",
]
# What is wished, what is done about it, how it ends well; the helper comes in before the last.
PLOTS = [
    (
        "One day {name} lost {a_thing}.",
        "{He} looked everywhere near the {place}.",
        "Together they found the {thing} again.",
    ),
    (
        "More than anything, {name} wanted {a_thing}.",
        "{He} {travelled} all the way to the {place}.",
        "The {helper} had {a_thing} and gave it to {him}.",
    ),
    (
        "One morning {name} found {a_thing}.",
        "{He} took it to the {place}.",
        "The {thing} belonged to the {helper}, so {name} gave it back.",
    ),
    (
        "{name} had {a_thing} and kept it near the {place}.",
        "One night it broke, and {he} was very sad.",
        "The {helper} knew what to do, and soon the {thing} was as good as new.",
    ),
    (
        "One evening it rained so much that {name} could not go home.",
        "{He} waited near the {place} with nothing but {a_thing}.",
        "They shared the {thing} and told each other stories until the sun came out.",
    ),
    (
        "{name} wanted to give {his} mother {a_thing}.",
        "{He} {travelled} to the {place} and looked for one.",
        "The {helper} sold {him} the best {thing} of all.",
    ),
]
HELPED = [
    "There {he} met {a_trait} {helper}.",
    "{A_trait} {helper} came to help {him}.",
    "Then {a_trait} {helper} saw {him} and stopped.",
]
ENDS = [
    "They stayed friends for ever.",
    "{name} was very happy.",
    "That evening {name} told everybody about it.",
    "And {name} never forgot {his} new friend.",
    "Then {he} went home and slept well.",
]


def _named(rng, hero):
    """-> name and pronouns of a hero, which go together."""
    if hero in words.HEROINES or (hero not in words.MALE_HEROES and rng.random() < 0.5):
        return {"name": rng.choice(words.GIRLS_NAMES), "he": "she", "He": "She", "his": "her", "him": "her"}
    return {"name": rng.choice(words.BOYS_NAMES), "he": "he", "He": "He", "his": "his", "him": "him"}


def _told(rng, hero, thing):
    mood, trait = rng.sample(words.ADJECTIVES, 2)
    place = rng.choice(words.PLACES)
    plot = rng.choice(PLOTS)
    text = " ".join([rng.choice(STARTS), *plot[:2], rng.choice(HELPED), plot[2], rng.choice(ENDS)])
    return text.format(
        hero=hero,
        thing=thing,
        a_thing=words.with_article(thing),
        place=place,
        a_place=words.with_article(place),
        a_mood=words.with_article(mood),
        a_trait=words.with_article(trait),
        A_trait=words.with_article(trait).capitalize(),
        helper=rng.choice([animal for animal in words.ANIMALS if animal != hero]),
        travelled=rng.choice(words.TRAVELLED),
        **_named(rng, hero),
    )


def story(rng):
    return _asked(rng, [(ASK_BOTH, 2)] * 3 + [(ASK_ONE, 1), (ASK_ANY, 0)])


def story_of_something(rng):
    return _asked(rng, [(ASK_BOTH, 2), (ASK_ONE, 1)])


def _asked(rng, ways):
    """ways: (wordings, how many of hero and thing they name)"""
    hero, thing = words.any_of(rng, words.ANIMALS + words.HEROES), words.any_of(rng, words.THINGS + words.TREASURES)
    a_hero, a_thing = words.with_article(hero), words.with_article(thing)
    ask, named = rng.choice(ways)
    wanted = [hero, thing][:named]
    text = rng.choice(ask).format(a=a_hero, t=a_thing)
    return Sample(
        [user(text), assistant(_told(rng, hero, thing))],
        "story " + (" ".join(wanted) or text),
        "story",
        wanted,
        reasoning=f"The story has {a_hero} and {a_thing}.",
    )
