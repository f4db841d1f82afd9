"""Choosing a tool, filling its arguments, using its result, or leaving all alone."""

import dataclasses

from .. import words
from ..sample import Sample, assistant, normal, system, tool_call, tool_result, user
from . import arithmetic, extract, letters, story, talk


class Kind:
    """One thing that tools can do. `arguments` maps a role to (names that a schema may give it, type, description, values)."""

    def __init__(self, names, description, arguments, asks, result=None, told=""):
        self.names, self.description, self.arguments = names.split(), description, arguments
        self.asks, self.result, self.told = asks, result, told


def text_of(names, description, values):
    return names.split(), "string", description, values if callable(values) else lambda rng: rng.choice(values)


def number_of(names, description, low, high):
    return names.split(), "integer", description, lambda rng: rng.randrange(low, high)


CITY = text_of("city location place town", "name of the city", words.any_city)
NAME = text_of("name person contact recipient", "name of the person", words.any_name)
DAY = text_of("day weekday date", "day of the week", words.DAYS)
ITEM = text_of("item product thing article", "what it is", lambda rng: words.any_thing(rng, words.FOODS + words.THINGS))

KINDS = [
    Kind(
        "get_weather weather_lookup current_weather fetch_weather",
        "Tells the weather in a city.",
        {"city": CITY},
        [
            "What is the weather in {city}?",
            "How is the weather in {city}?",
            "Is it warm in {city}?",
            "Weather for {city}, please.",
        ],
        lambda rng: {"temperature": rng.randrange(-5, 38), "sky": rng.choice(["sunny", "cloudy", "rainy", "windy", "snowy"])},
        "It is {temperature} degrees and {sky} in {city}.",
    ),
    Kind(
        "get_time current_time clock local_time",
        "Tells the local time of a city.",
        {"city": CITY},
        ["What time is it in {city}?", "Tell me the time in {city}.", "How late is it in {city}?"],
        lambda rng: {"time": f"{rng.randrange(0, 24)}:{rng.randrange(10, 60)}"},
        "It is {time} in {city}.",
    ),
    Kind(
        "send_message send_text message write_message",
        "Sends a short message to a person.",
        {
            "name": NAME,
            "text": text_of(
                "text message body content",
                "what to send",
                [
                    f"{a} {b}"
                    for a in ("see you at", "meet me at", "come to", "bring me to")
                    for b in ("the " + place for place in words.PLACES)
                ],
            ),
        },
        ['Send {name} the message "{text}".', 'Write to {name}: "{text}"', 'Text {name} "{text}".'],
        lambda rng: {"sent": True},
        "Your message to {name} was sent.",
    ),
    Kind(
        "add_event create_event schedule book_event",
        "Puts an event into the calendar.",
        {"title": text_of("title event name subject", "what takes place", words.EVENTS), "day": DAY},
        ["Put a {title} on {day} into my calendar.", "Schedule a {title} for {day}.", "Add the {title} on {day}."],
        lambda rng: {"status": "added"},
        "The {title} on {day} is in your calendar.",
    ),
    Kind(
        "set_timer start_timer timer countdown",
        "Starts a timer.",
        {"minutes": number_of("minutes duration length min", "how long, in minutes", 1, 100)},
        ["Set a timer for {minutes} minutes.", "Wake me in {minutes} minutes.", "Start a timer of {minutes} minutes."],
        lambda rng: {"running": True},
        "The timer runs for {minutes} minutes.",
    ),
    Kind(
        "order_item buy purchase place_order",
        "Orders things from the shop.",
        {"item": ITEM, "quantity": number_of("quantity count amount number", "how many", 1, 60)},
        ["Order {quantity} pieces of {item}.", "Buy {quantity} x {item}.", "I need {quantity} pieces of {item}, order them."],
        lambda rng: {"price": rng.randrange(2, 100)},
        "I ordered {quantity} pieces of {item} for {price} euros.",
    ),
    Kind(
        "find_recipe recipe_search recipes search_recipe",
        "Finds a recipe.",
        {"food": text_of("food dish ingredient meal", "the food", lambda rng: words.any_thing(rng, words.FOODS))},
        ["Find a recipe with {food}.", "How can I cook {food}?", "Look for a {food} recipe."],
        lambda rng: {"recipe": f"{rng.choice(words.ADJECTIVES)} {rng.choice(words.FOODS)} stew"},
        "I found a recipe: {recipe}.",
    ),
    Kind(
        "play_music play_song music start_music",
        "Plays a piece of music.",
        {
            "song": text_of(
                "song title track piece",
                "what to play",
                [f"the {a} {b}" for a in words.ADJECTIVES[:12] for b in words.ANIMALS[:20]],
            )
        },
        ["Play {song}.", "I want to hear {song}.", "Put on the song {song}."],
        lambda rng: {"playing": True},
        "Now playing {song}.",
    ),
    Kind(
        "get_price price_of price_lookup check_price",
        "Tells the price of a product.",
        {"item": ITEM},
        ["What does a {item} cost?", "How much is a {item}?", "Tell me the price of a {item}."],
        lambda rng: {"price": rng.randrange(1, 100)},
        "A {item} costs {price} euros.",
    ),
    Kind(
        "find_train train_search trains rail_lookup",
        "Finds trains between two cities.",
        {
            "from": text_of("from origin start departure", "where it leaves", words.any_city),
            "to": text_of("to destination end arrival", "where it goes", words.any_city),
        },
        [
            "Find a train from {from} to {to}.",
            "When is there a train from {from} to {to}?",
            "How do I get from {from} to {to} by train?",
        ],
        lambda rng: {"departure_time": f"{rng.randrange(5, 24)}:{rng.randrange(10, 60)}"},
        "A train from {from} to {to} leaves at {departure_time}.",
    ),
    Kind(
        "switch_light light set_light lamp",
        "Switches the light of a room.",
        {
            "room": text_of(
                "room area where", "which room", ["kitchen", "bedroom", "bathroom", "hall", "garage", "office", "attic", "cellar"]
            ),
            "state": text_of("state mode power", "on or off", ["on", "off"]),
        },
        [
            "Switch the light in the {room} {state}.",
            "Turn {state} the light in the {room}.",
            "Light {state} in the {room}, please.",
        ],
        lambda rng: {"done": True},
        "The light in the {room} is {state}.",
    ),
    Kind(
        "look_up_phone phone_book find_number phone_lookup",
        "Finds the phone number of a person.",
        {"name": NAME},
        ["What is the phone number of {name}?", "Find the number of {name}.", "How can I call {name}?"],
        lambda rng: {"phone": str(rng.randrange(10000, 99999))},
        "The number of {name} is {phone}.",
    ),
]


class Offer:
    """A kind as one request has it: by names of its own."""

    def __init__(self, rng, kind):
        self.kind = kind
        self.names = {role: rng.choice(argument[0]) for role, argument in kind.arguments.items()}  # role -> the schema's
        properties = {
            self.names[role]: {"type": argument[1], "description": argument[2]} for role, argument in kind.arguments.items()
        }
        self.name = rng.choice(kind.names)
        function = {
            "name": self.name,
            "description": kind.description,
            "parameters": {"type": "object", "properties": properties, "required": list(properties)},
        }
        self.tool = {"type": "function", "function": function}


class Task:
    """Something that a kind of tool can do, as it is asked for."""

    def __init__(self, rng, kind):
        self.kind = kind
        self.values = {role: argument[3](rng) for role, argument in kind.arguments.items()}
        self.text = words.with_articles(rng.choice(kind.asks).format(**self.values))

    def call(self, offer):
        arguments = {offer.names[role]: value for role, value in self.values.items()}
        return {"name": offer.name, "arguments": arguments}

    def told(self, result):
        return words.with_articles(self.kind.told.format(**self.values, **result))


def _offers(rng, kinds):
    return [Offer(rng, kind) for kind in rng.sample(kinds, len(kinds))]


def _with_others(rng, kind):
    """-> (offers with this kind among them, its own)"""
    others = rng.sample([other for other in KINDS if other is not kind], rng.randrange(0, 4))
    offers = _offers(rng, [kind, *others])
    return offers, next(offer for offer in offers if offer.kind is kind)


def _tools(offers):
    return [offer.tool for offer in offers]


def _politely(rng, text):
    return rng.choice(["", "", "", "Please: ", "Hello! "]) + text


def _called(rng, task, offer):
    """-> (asked, called and answered, what the tool said)"""
    call, result = task.call(offer), task.kind.result(rng)
    return [user(_politely(rng, task.text)), tool_call(call["name"], call["arguments"]), tool_result(result)], result


def _result_key(task, result):
    return f"{task.text} {result}"


def _begin(rng, offers):
    """-> (what was said before, the tasks in it): a system prompt, earlier calls of the same tools"""
    messages = [system("You are a helpful assistant.")] if rng.random() < 0.3 else []
    within = []
    while offers and rng.random() < 0.25:
        offer = rng.choice(offers)
        task = Task(rng, offer.kind)
        turn, result = _called(rng, task, offer)
        messages += [*turn, assistant(task.told(result))]
        within += [normal(task.text), _result_key(task, result)]
    return messages, within


def choose(rng):
    task = Task(rng, rng.choice(KINDS))
    offers, mine = _with_others(rng, task.kind)
    call = task.call(mine)
    before, within = _begin(rng, offers)
    messages = [*before, user(_politely(rng, task.text)), tool_call(call["name"], call["arguments"])]
    return Sample(
        messages, normal(task.text), "call", call, _tools(offers), within=within, reasoning=f"The tool {call['name']} does that."
    )


def use_result(rng):
    task = Task(rng, rng.choice(KINDS))
    offers, mine = _with_others(rng, task.kind)
    before, within = _begin(rng, offers)
    turn, result = _called(rng, task, mine)
    answer = task.told(result)
    seen = [value for value in {**task.values, **result}.values() if not isinstance(value, bool) and str(value) in answer]
    return Sample(
        [*before, *turn, assistant(answer)],
        _result_key(task, result),
        "contains",
        seen,
        _tools(offers),
        within=[normal(task.text), *within],
        reasoning="The tool has answered.",
    )


TOOLLESS = [
    talk.greeting,
    talk.small_talk,
    talk.fact,
    talk.unknown,
    arithmetic.sums,
    arithmetic.three_numbers,
    letters.spell,
    letters.reverse,
    letters.count_letters,
    letters.sort_words,
    extract.fields_as_json,
    story.story,
]


def none_fits(rng):
    """Either a task for a tool that is not there, or talk that needs none."""
    if rng.random() < 0.6:
        return _missing(rng)
    sample = rng.choice(TOOLLESS)(rng)
    offers = _offers(rng, rng.sample(KINDS, rng.randrange(1, 4)))
    before, within = _begin(rng, offers)
    return dataclasses.replace(
        sample,
        messages=[*before, *sample.messages],
        key="none " + sample.key,
        judge="without_call",
        wanted=(sample.judge, sample.looked_for()),
        tools=_tools(offers),
        within=[*sample.tasks(), *within],
        reasoning=f"This needs no tool. {sample.reasoning}",
    )


def _missing(rng):
    task = Task(rng, rng.choice(KINDS))
    offers = _offers(rng, rng.sample([other for other in KINDS if other is not task.kind], rng.randrange(0, 4)))
    before, within = _begin(rng, offers)
    messages = [*before, user(_politely(rng, task.text)), assistant("I have no tool for that.")]
    return Sample(
        messages,
        "none " + normal(task.text),
        "without_call",
        ("contains", ["no tool"]),
        _tools(offers),
        within=within,
        reasoning="It needs a tool, and none of mine fits.",
    )
