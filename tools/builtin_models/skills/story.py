"""Little stories from a grammar: a hero, a wish, a helper, an end."""
from .. import words
from ..sample import Sample, assistant, user

PRONOUNS = [("he", "his", "him"), ("she", "her", "her")]


ASK_BOTH = ["Tell me a story about {a} and {t}.", "Write a little story about {a} and {t}.", "A story with {a} and {t}, please.",
            "Make up a story about {a} and {t}.", "Write a story about {a} with {t}."]
ASK_ONE = ["Tell me a story about {a}.", "Write a story about {a}.", "Make up a little story about {a}."]
ASK_ANY = ["Tell me a story.", "Tell me a little story.", "Write a story, please.", "Do you know a story?", "I want to hear a story."]


def story(rng):
    animal, thing = words.any_of(rng, words.ANIMALS + words.HEROES), words.any_of(rng, words.THINGS + words.TREASURES)
    helper, place = rng.choice([each for each in words.ANIMALS if each != animal]), rng.choice(words.PLACES)
    ask, wanted = rng.choice([(ASK_BOTH, [animal, thing])] * 3 + [(ASK_ONE, [animal]), (ASK_ANY, [])])
    mood, trait = rng.sample(words.ADJECTIVES, 2)
    name = rng.choice(words.NAMES)
    he, his, him = rng.choice(PRONOUNS)
    text = rng.choice(ask).format(a=words.with_article(animal), t=words.with_article(thing))
    start = rng.choice([f"Once there was {words.with_article(mood)} {animal} called {name}.",
                        f"Near {words.with_article(place)} lived {words.with_article(mood)} {animal}. Everybody called {him} {name}."])
    a_thing = words.with_article(thing)
    helped = rng.choice([f"There {he} met {words.with_article(trait)} {helper}.",
                         f"{words.with_article(trait).capitalize()} {helper} came to help {him}."])
    wish, way, solved = rng.choice([
        (f"One day {name} lost {a_thing}.", f"{he.capitalize()} looked everywhere near the {place}.",
         f"Together they found the {thing} again."),
        (f"More than anything, {name} wanted {a_thing}.",
         f"{he.capitalize()} {rng.choice(words.TRAVELLED)} all the way to the {place}.",
         f"The {helper} had {a_thing} and gave it to {him}."),
        (f"One morning {name} found {a_thing}.", f"{he.capitalize()} took it to the {place}.",
         f"The {thing} belonged to the {helper}, so {name} gave it back.")])
    end = rng.choice(["They stayed friends for ever.", f"{name} was very happy.", f"That evening {name} told everybody about it.",
                      f"And {name} never forgot {his} new friend."])
    key = " ".join(wanted) or text
    return Sample([user(text), assistant(" ".join([start, wish, way, helped, solved, end]))], key, "story", wanted,
                  reasoning=f"The story has {words.with_article(animal)} and {a_thing}.")
