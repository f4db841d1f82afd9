"""Sentences from templates: {one|another} is a choice, <slot> a value."""
import re

from . import words

CHOICE = re.compile(r"\{([^{}]*)\}")
SLOT = re.compile(r"<(\w+)>")

# Slots with the same words behind them are for templates that need two.
SLOTS = {
    "name": words.NAMES, "friend": words.NAMES, "city": words.CITIES, "town": words.CITIES, "food": words.FOODS,
    "side": words.FOODS, "animal": words.ANIMALS, "thing": words.THINGS, "place": words.PLACES, "day": words.DAYS,
    "job": words.JOBS, "colour": words.COLOURS, "event": words.EVENTS, "topic": words.UNKNOWN_TOPICS,
    "word": sorted({word for pair in words.OPPOSITES.items() for word in pair}),
    "a": range(2, 100), "b": range(2, 100), "hour": range(1, 13), "count": range(2, 13)}


def slots_of(template):
    return SLOT.findall(template)


def fill(rng, slots):
    """A value for each slot; no two of them are the same."""
    values = {}
    for slot in sorted(set(slots)):
        values[slot] = rng.choice([value for value in SLOTS[slot] if value not in values.values()])
    return values


def expand(rng, template, values):
    text = CHOICE.sub(lambda found: rng.choice(found[1].split("|")), template)
    text = SLOT.sub(lambda found: str(values[found[1]]), text).strip()
    text = words.with_articles(text)
    return text[0].upper() + text[1:]
