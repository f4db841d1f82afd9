"""Little stories from a grammar: a hero, a wish, a helper, an end."""

from .. import words
from ..sample import Sample, assistant, user

PRONOUNS = [("he", "his", "him"), ("she", "her", "her")]


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


def _way_on(rng, name, he, him, a_thing, thing, helper, place):
    """-> (what is wished, what is done about it, how it ends well)"""
    return rng.choice(
        [
            (
                f"One day {name} lost {a_thing}.",
                f"{he} looked everywhere near the {place}.",
                f"Together they found the {thing} again.",
            ),
            (
                f"More than anything, {name} wanted {a_thing}.",
                f"{he} {rng.choice(words.TRAVELLED)} all the way to the {place}.",
                f"The {helper} had {a_thing} and gave it to {him}.",
            ),
            (
                f"One morning {name} found {a_thing}.",
                f"{he} took it to the {place}.",
                f"The {thing} belonged to the {helper}, so {name} gave it back.",
            ),
        ]
    )


def _told(rng, hero, thing):
    helper, place = rng.choice([animal for animal in words.ANIMALS if animal != hero]), rng.choice(words.PLACES)
    name, (he, his, him) = rng.choice(words.NAMES), rng.choice(PRONOUNS)
    of_mood, with_trait = (words.with_article(word) for word in rng.sample(words.ADJECTIVES, 2))
    start = rng.choice(
        [
            f"Once there was {of_mood} {hero} called {name}.",
            f"Near {words.with_article(place)} lived {of_mood} {hero}. Everybody called {him} {name}.",
        ]
    )
    wish, way, solved = _way_on(rng, name, he.capitalize(), him, words.with_article(thing), thing, helper, place)
    helped = rng.choice([f"There {he} met {with_trait} {helper}.", f"{with_trait.capitalize()} {helper} came to help {him}."])
    end = rng.choice(
        [
            "They stayed friends for ever.",
            f"{name} was very happy.",
            f"That evening {name} told everybody about it.",
            f"And {name} never forgot {his} new friend.",
        ]
    )
    return " ".join([start, wish, way, helped, solved, end])


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
