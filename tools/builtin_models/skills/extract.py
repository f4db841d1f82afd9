"""Fields of a sentence as JSON."""

import json

from .. import words
from ..sample import Sample, assistant, user


def _person(rng):
    fields = {
        "name": words.any_name(rng),
        "age": rng.randrange(18, 90),
        "city": words.any_city(rng),
        "job": words.any_thing(rng, words.JOBS),
    }
    text = rng.choice(
        [
            "{name} is {age} years old, lives in {city} and works as a {job}.",
            "{name} is {age} years old and lives in {city}.",
            "{name} lives in {city} and works as a {job}.",
            "{name}, {age}, from {city}, is a {job}.",
            "In {city} lives {name}, a {job} of {age} years.",
            "The {job} {name} from {city} turned {age} today.",
            "Meet {name}: {age} years old, {job}, based in {city}.",
        ]
    )
    return fields, text


def _order(rng):
    fields = {
        "item": words.any_thing(rng, words.FOODS + words.THINGS),
        "quantity": rng.randrange(1, 50),
        "price": rng.randrange(1, 100),
        "customer": words.any_name(rng),
    }
    text = rng.choice(
        [
            "{customer} ordered {quantity} pieces of {item} for {price} euros.",
            "Please send {quantity} x {item} at {price} euros to {customer}.",
            "Order: item {item}, quantity {quantity}, price {price} euros, for {customer}.",
            "For {price} euros {customer} bought {quantity} pieces of {item}.",
        ]
    )
    return fields, text


def _event(rng):
    fields = {
        "event": words.any_thing(rng, words.EVENTS),
        "day": rng.choice(words.DAYS),
        "time": f"{rng.randrange(8, 22)}:{rng.choice(['00', '15', '30', '45'])}",
        "place": words.any_thing(rng, words.PLACES),
    }
    text = rng.choice(
        [
            "The {event} is on {day} at {time} in the {place}.",
            "On {day} at {time} there is a {event} at the {place}.",
            "Come to the {place} on {day}: the {event} starts at {time}.",
            "{day}, {time}, {place}: {event}.",
        ]
    )
    return fields, text


def _trip(rng):
    start, end = words.any_city(rng), words.any_city(rng)
    fields = {"from": start, "to": end, "day": rng.choice(words.DAYS), "seats": rng.randrange(1, 10)}
    text = rng.choice(
        [
            "I need {seats} seats from {from} to {to} on {day}.",
            "On {day} {seats} of us travel from {from} to {to}.",
            "Book {seats} seats to {to}, leaving {from} on {day}.",
            "Trip on {day}: {from} to {to}, {seats} seats.",
        ]
    )
    return fields, text


ALL_FIELDS = ["Turn this into JSON: {text}", "Write this as JSON: {text}", "{text} Turn that into JSON.", "As JSON: {text}"]
NAMED_FIELDS = [
    "Extract {names} as JSON: {text}",
    "Give me {names} as JSON. {text}",
    "{text} Extract {names} as JSON.",
    "Read this and answer with JSON that has the fields {names}: {text}",
    'Which {names}? Answer in JSON. "{text}"',
]


def fields_as_json(rng):
    fields, text = rng.choice([_person, _order, _event, _trip])(rng)
    told = [name for name in fields if f"{{{name}}}" in text]
    text = words.with_articles(text.format(**fields))
    asked, ways = told, ALL_FIELDS
    if rng.random() < 0.8:
        asked, ways = rng.sample(told, rng.randrange(2, len(told) + 1)), NAMED_FIELDS
    names = ", ".join(asked)
    wanted = {name: fields[name] for name in asked}
    asking = rng.choice(ways).format(names=names, text=text)
    return Sample([user(asking), assistant(json.dumps(wanted))], asking, "json", wanted, reasoning=f"I look for {names}.")
