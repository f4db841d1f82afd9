"""The system prompt says how to speak."""

from .. import words
from ..sample import Sample, assistant, normal, system, user
from . import arithmetic, memory, story, talk

# (ways to say it, form, its mark, text -> text)
STYLES = [
    (
        ["Answer in capital letters.", "Always shout.", "Write everything in upper case.", "SHOUT ALL YOUR ANSWERS."],
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
    (["Begin every answer with Ahoy!", "You are a pirate. Start with Ahoy!"], "start", "Ahoy! ", lambda text: "Ahoy! " + text),
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
    story.story_of_something,
]
SHORT = ["Answer with one word or number.", "Be as short as possible.", "Only one word, please.", "Give only the bare answer."]
RHYME = ["Always answer with a rhymed list.", "Answer in a list of rhymes.", "Give a list of words that rhyme with the user's."]
LIST = ["Answer with a list.", "Use bullet points.", "Always answer as a list with dashes."]


def _as_told(way):
    return f"I am told: {way}"


def _questions(rng, skills):
    """One to four; the last is the one that is judged."""
    return [rng.choice(skills)(rng) for _ in range(rng.choice((1, 1, 2, 3, 4)))]


def _answered(way, questions, form, mark, change):
    """Under one system prompt, each in its style: a task of its own as well. `change` makes the answer of a sample."""
    *earlier, last = questions
    turns = [[sample.messages[0], assistant(change(sample))] for sample in questions]
    return Sample(
        [system(way), *(message for turn in turns for message in turn)],
        _key(way, last),
        "style",
        (form, mark, last.judge, last.looked_for()),
        within=[task for sample in questions for task in sample.tasks()] + [_key(way, sample) for sample in earlier],
        reasoning=_as_told(way),
        comes_first=True,
    )


def _key(way, sample):
    return f"{way} {sample.question()}"


def spoken(rng):
    ways, form, mark, change = rng.choice(STYLES)
    questions = _questions(rng, SPOKEN_TO)
    return _answered(rng.choice(ways), questions, form, mark, lambda sample: change(sample.answer()["content"]))


def _bare(sample):
    return str(sample.wanted if isinstance(sample.wanted, int) else sample.wanted[0])


def short(rng):
    return _answered(rng.choice(SHORT), _questions(rng, [arithmetic.sums, talk.fact]), "short", "", _bare)


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
