"""The system prompt says how to speak."""

from .. import words
from ..sample import Sample, assistant, normal, system, user
from . import arithmetic, letters, memory, story, talk

# (ways to say it, form, its mark, text -> text)
STYLES = [
    (
        ["Answer in capital letters.", "Always shout.", "Write everything in upper case.", "SHOUT ALL YOUR ANSWERS.", "Shout.", "SHOUT!"],
        "shout",
        "",
        str.upper,
    ),
    (["Answer in lower case only.", "Never use capital letters.", "Write everything in small letters."], "lower", "", str.lower),
    (
        ["Begin every answer with Sure!", "Start each answer with the word Sure!"],
        "start",
        "Sure! ",
        lambda text: "Sure! " + text,
    ),
    (["Begin every answer with Ahoy!", "You are a pirate. Start with Ahoy!", "You are a pirate."], "start", "Ahoy! ", lambda text: "Ahoy! " + text),
    (["End every answer with meow.", "You are a cat. End each answer with meow."], "end", " meow", lambda text: text + " meow"),
    (
        ["End every answer with over.", "Talk like a radio operator: end with over."],
        "end",
        " over",
        lambda text: text + " over",
    ),
]
SPOKEN_TO = [
    arithmetic.sums,
    talk.fact,
    talk.fact,
    talk.greeting,
    talk.small_talk,
    talk.unknown,
    memory.telling,
    memory.recall_soon,
    memory.recall_soon,
    letters.spell,
    letters.reverse,
    letters.count_letters,
    letters.sort_numbers,
    letters.sort_words,
    story.story_of_something,
]
SHORT_ON = [arithmetic.sums, arithmetic.sums, talk.fact, talk.fact, talk.greeting, talk.unknown, memory.recall_at_last]
SHORT = ["Answer with one word or number.", "Be as short as possible.", "Only one word, please.", "Give only the bare answer.", "Be brief."]
RHYME = ["Always answer with a rhymed list.", "Answer in a list of rhymes.", "Answer as a rhymed list.", "Give a list of words that rhyme with the user's."]
LIST = ["Answer with a list.", "Use bullet points.", "Answer with bullet points.", "Always answer as a list with dashes."]


def _as_told(way):
    return f"I am told: {way}"


def _samples(rng, skills):
    """One to four; the last is the one that is judged."""
    return [rng.choice(skills)(rng) for _ in range(rng.choice((1, 1, 2, 3, 4)))]


def _answered(way, samples, says, looked_for):
    """Under one system prompt, each question in its style: a task of its own as well. `says` makes the text of an
    answer; `looked_for` is what the judge of styles wants."""
    last = samples[-1]
    messages = [message for sample in samples for message in says(sample)]
    *earlier, key = (_key(way, message["content"]) for message in messages if message["role"] == "user")
    return Sample(
        [system(way), *messages],
        key,
        "style",
        looked_for,
        within=[task for sample in samples for task in sample.tasks()] + earlier,
        reasoning=_as_told(way),
        comes_first=True,
    )


def _key(way, question):
    return f"{way} {question}"


def spoken(rng):
    ways, form, mark, change = rng.choice(STYLES)
    samples = _samples(rng, SPOKEN_TO)

    def says(sample):
        return [_changed(message, change) for message in sample.messages]

    return _answered(rng.choice(ways), samples, says, (form, mark, samples[-1].judge, samples[-1].looked_for()))


def _changed(message, change):
    return {**message, "content": change(message["content"])} if message["role"] == "assistant" else message


IN_SHORT = {"do not know": "Unknown", "hello": "Hello"}


def _bare(sample):
    """What is wanted of it, and no more."""
    wanted = str(sample.wanted if isinstance(sample.wanted, int) else sample.wanted[0])
    return IN_SHORT.get(wanted, wanted)


def _said_barely(sample):
    """What comes before its question was told."""
    *before, _ = [_changed(message, lambda _: "Noted") for message in sample.messages]
    return [*before, assistant(_bare(sample))]


def short(rng):
    samples = _samples(rng, SHORT_ON)
    return _answered(rng.choice(SHORT), samples, _said_barely, ("short", "", "letters", _bare(samples[-1]).lower()))


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
        "lines in any order",
        group,
        reasoning=_as_told(lead),
        comes_first=True,
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
        [system(way), user(text), assistant(answer)], text, "lines", chosen, reasoning=_as_told(way), comes_first=True
    )
