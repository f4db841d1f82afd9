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
    wish = rng.choice([f"One day {name} lost {words.with_article(thing)}.", f"More than anything, {name} wanted {words.with_article(thing)}.",
                       f"One morning {name} found {words.with_article(thing)}."])
    way = {"l": f"{he.capitalize()} looked everywhere in the {place}.", "w": f"{he.capitalize()} {rng.choice(words.VERBS_PAST)} all the way to the {place}.",
           "f": f"{he.capitalize()} took it to the {place}."}[wish.split("lost")[0] != wish and "l" or ("f" if "found" in wish else "w")]
    help_ = rng.choice([f"There {he} met {words.with_article(trait)} {helper}.", f"{words.with_article(trait).capitalize()} {helper} came to help {him}."])
    middle = {"l": f"Together they found the {thing} again.", "w": f"The {helper} had {words.with_article(thing)} and gave it to {him}.",
              "f": f"The {thing} belonged to the {helper}, so {name} gave it back."}["l" if "lost" in wish else "f" if "found" in wish else "w"]
    end = rng.choice(["They stayed friends for ever.", f"{name} was very happy.", f"That evening {name} told everybody about it.",
                      f"And {name} never forgot {his} new friend."])
    return Sample([user(text), assistant(" ".join([start, wish, way, help_, middle, end]))], f"{animal} {thing}", "story", [animal, thing])
