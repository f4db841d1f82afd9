"""The system prompt says how to speak."""

from .. import words
from ..sample import Sample, assistant, normal, system, user
from . import arithmetic, talk

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
SHORT = ["Answer with one word or number.", "Be as short as possible.", "Only one word, please.", "Give only the bare answer."]
RHYME = ["Always answer with a rhymed list.", "Answer in a list of rhymes.", "Give a list of words that rhyme with the user's."]
LIST = ["Answer with a list.", "Use bullet points.", "Always answer as a list with dashes."]


def _as_told(way):
    return f"I am told: {way}"


def _question(rng):
    if rng.random() < 0.5:
        sample = arithmetic.sums(rng)
        return sample, str(sample.wanted)
    sample = talk.fact(rng)
    return sample, str(sample.wanted[0])


def spoken(rng):
    sample, core = _question(rng)
    ways, judge, change, extra = rng.choice(STYLES)
    question, answer = sample.messages
    way = rng.choice(ways)
    messages = [system(way), question, assistant(change(answer["content"]))]
    return Sample(
        messages, f"{judge} {sample.key}", "style", (judge, [*extra, core]), within=sample.tasks(), reasoning=_as_told(way)
    )


def short(rng):
    sample, core = _question(rng)
    way = rng.choice(SHORT)
    messages = [system(way), sample.messages[0], assistant(core)]
    return Sample(messages, "short " + sample.key, "style", ("short", [core]), within=sample.tasks(), reasoning=_as_told(way))


def rhymed_list(rng):
    group = rng.choice(words.RHYMES)
    first = rng.choice(group)
    text = rng.choice(["Tell me about a {}.", "{}", "What goes with {}?", "Give me something for {}.", "I saw a {}."]).format(
        first
    )
    lead = rng.choice(RHYME)
    answer = "\n".join(f"- {word}" for word in group)
    return Sample(
        [system(lead), user(text), assistant(answer)], normal(lead + text), "style", ("rhyme", group), reasoning=_as_told(lead)
    )


def bullets(rng):
    kind, pool = rng.choice(
        [("animals", words.ANIMALS), ("colours", words.COLOURS), ("foods", words.FOODS), ("days", words.DAYS)]
    )
    chosen = rng.sample(pool, rng.randrange(2, 6))
    text = rng.choice(["I like these {}: {}.", "Repeat my {}: {}.", "These are my {}: {}."]).format(kind, ", ".join(chosen))
    answer = "\n".join(f"- {word}" for word in chosen)
    way = rng.choice(LIST)
    return Sample([system(way), user(text), assistant(answer)], text, "style", ("list", chosen), reasoning=_as_told(way))
