"""Little stories from a grammar: a hero, a wish, a helper, an end."""
from .. import words
from ..sample import Sample, assistant, user

PRONOUNS = [("he", "his", "him"), ("she", "her", "her")]


def story(rng):
    animal, helper = rng.sample(words.ANIMALS, 2)
    thing, place = rng.choice(words.THINGS), rng.choice(words.PLACES)
    mood, trait = rng.sample(words.ADJECTIVES, 2)
    name = rng.choice(words.NAMES)
    he, his, him = rng.choice(PRONOUNS)
    text = rng.choice([
        "Tell me a story about {a} and {t}.", "Write a little story about {a} and {t}.", "A story with {a} and {t}, please.",
        "Make up a story about {a} and {t}."]).format(a=words.with_article(animal), t=words.with_article(thing))
    start = rng.choice([f"Once there was {words.with_article(mood)} {animal} called {name}.",
                        f"In {words.with_article(place)} lived {words.with_article(mood)} {animal}. Its friends called it {name}."])
    a_thing = words.with_article(thing)
    helped = rng.choice([f"There {he} met {words.with_article(trait)} {helper}.",
                         f"{words.with_article(trait).capitalize()} {helper} came to help {him}."])
    wish, way, solved = rng.choice([
        (f"One day {name} lost {a_thing}.", f"{he.capitalize()} looked everywhere in the {place}.",
         f"Together they found the {thing} again."),
        (f"More than anything, {name} wanted {a_thing}.",
         f"{he.capitalize()} {rng.choice(words.VERBS_PAST)} all the way to the {place}.",
         f"The {helper} had {a_thing} and gave it to {him}."),
        (f"One morning {name} found {a_thing}.", f"{he.capitalize()} took it to the {place}.",
         f"The {thing} belonged to the {helper}, so {name} gave it back.")])
    end = rng.choice(["They stayed friends for ever.", f"{name} was very happy.", f"That evening {name} told everybody about it.",
                      f"And {name} never forgot {his} new friend."])
    return Sample([user(text), assistant(" ".join([start, wish, way, helped, solved, end]))], f"{animal} {thing}", "story", [animal, thing])
