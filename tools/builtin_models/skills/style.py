"""The system prompt says how to speak."""

from .. import words
from ..sample import Sample, assistant, normal, system, user
from . import arithmetic, story, talk

# (ways to say it, judge, text -> text, text -> what the judge wants before the content)
STYLES = [
    (
        ["Answer in capital letters.", "Always shout.", "Write everything in upper case.", "SHOUT ALL YOUR ANSWERS."],
        "shout",
        str.upper,
        [],
    ),
    (["Answer in lower case only.", "Never use capital letters.", "Write everything in small letters."], "lower", str.lower, []),
    (
        ["Begin every answer with Sure!", "Start each answer with the word Sure!"],
        "start",
        lambda text: "Sure! " + text,
        ["Sure!"],
    ),
    (["Begin every answer with Ahoy!", "You are a pirate. Start with Ahoy!"], "start", lambda text: "Ahoy! " + text, ["Ahoy!"]),
    (["End every answer with meow.", "You are a cat. End each answer with meow."], "end", lambda text: text + " meow", ["meow"]),
    (["End every answer with over.", "Talk like a radio operator: end with over."], "end", lambda text: text + " over", ["over"]),
]
SPOKEN_TO = [arithmetic.sums, talk.fact, talk.fact, talk.greeting, talk.small_talk, talk.unknown, story.story_of_something]
SHORT = ["Answer with one word or number.", "Be as short as possible.", "Only one word, please.", "Give only the bare answer."]
RHYME = ["Always answer with a rhymed list.", "Answer in a list of rhymes.", "Give a list of words that rhyme with the user's."]
LIST = ["Answer with a list.", "Use bullet points.", "Always answer as a list with dashes."]


def _as_told(way):
    return f"I am told: {way}"


def _core(sample):
    """What an answer has to hold."""
    return [str(sample.wanted)] if isinstance(sample.wanted, int) else [str(part) for part in sample.wanted]


def _questions(rng, skills):
    """One to four; the last is the one that is judged."""
    return [rng.choice(skills)(rng) for _ in range(rng.choice((1, 1, 2, 3, 4)))]


def _answered(way, questions, change):
    """Under one system prompt, each in its style. `change` makes the answer of a sample."""
    turns = [[sample.messages[0], assistant(change(sample))] for sample in questions]
    return [system(way), *(message for turn in turns for message in turn)]


def _tasks(questions):
    return [task for sample in questions for task in sample.tasks()]


def spoken(rng):
    ways, judge, change, extra = rng.choice(STYLES)
    questions, way = _questions(rng, SPOKEN_TO), rng.choice(ways)
    last = questions[-1]
    return Sample(
        _answered(way, questions, lambda sample: change(sample.answer()["content"])),
        f"{judge} {way} {last.question()}",
        "style",
        (judge, [*extra, *_core(last)]),
        within=_tasks(questions),
        reasoning=_as_told(way),
        begins=True,
    )


def short(rng):
    questions, way = _questions(rng, [arithmetic.sums, talk.fact]), rng.choice(SHORT)
    last = questions[-1]
    return Sample(
        _answered(way, questions, lambda sample: _core(sample)[0]),
        f"short {way} {last.question()}",
        "style",
        ("short", _core(last)),
        within=_tasks(questions),
        reasoning=_as_told(way),
        begins=True,
    )


def rhymed_list(rng):
    group = rng.choice(words.RHYMES)
    first = rng.choice(group)
    text = rng.choice(["Tell me about a {}.", "{}", "What goes with {}?", "Give me something for {}.", "I saw a {}."]).format(
        first
    )
    lead = rng.choice(RHYME)
    answer = "\n".join(f"- {word}" for word in group)
    return Sample(
        [system(lead), user(text), assistant(answer)],
        normal(lead + text),
        "style",
        ("rhyme", group),
        reasoning=_as_told(lead),
        begins=True,
    )


def bullets(rng):
    kind, pool = rng.choice(
        [("animals", words.ANIMALS), ("colours", words.COLOURS), ("foods", words.FOODS), ("days", words.DAYS)]
    )
    chosen = [words.any_of(rng, pool) for _ in range(rng.randrange(2, 6))]
    text = rng.choice(["I like these {}: {}.", "Repeat my {}: {}.", "These are my {}: {}."]).format(kind, ", ".join(chosen))
    answer = "\n".join(f"- {word}" for word in chosen)
    way = rng.choice(LIST)
    return Sample(
        [system(way), user(text), assistant(answer)], text, "style", ("list", chosen), reasoning=_as_told(way), begins=True
    )
