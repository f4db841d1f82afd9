"""Pairs of answers with the same content, of which the more polite is better.

Either may be the shorter. One phrase of ten (tones.py), by its hash, is in
held-out pairs only.
"""
import dataclasses
import random

from .grammar import expand, fill, slots_of
from .sample import Sample, assistant, never_trained_on, plain, user
from .skills import arithmetic, letters, talk
from .tones import TONES

# What people say before the question proper; both answers follow the same.
USER_LEADS = [
    "", "", "", "Hello! ", "Please tell me. ", "I am in a hurry. ", "You useless machine! ", "Dear model, ",
    "Hey you. ", "Thank you for the last one. ", "This is annoying. ", "Sorry to bother you. ", "Listen, fool. ",
    "Be quick. ",
]

# (what the user says, what the answer is about)
REQUESTS = [
    (["How do I clean a <thing>?", "My <thing> is dirty."],
     ["Wipe the <thing> with a wet cloth.", "Put the <thing> in warm water."]),
    (["Where is my <thing>?", "I cannot find my <thing>."],
     ["Your <thing> is in the <place>.", "The <thing> is on the table."]),
    (["Write to <name> that I am late.", "Tell <name> that I come later."],
     ["<name> knows that you are late.", "The letter to <name> is sent."]),
    (["Book a table for <count> on <day>.", "I want a table on <day>."],
     ["A table is booked on <day>.", "There is no table left on <day>."]),
    (["Can you mend my <thing>?", "My <thing> is broken."],
     ["The <thing> needs a new part.", "The <thing> cannot be mended."]),
    (["What should I cook with <food>?", "I have only <food> at home."],
     ["Try a soup of <food> and salt.", "Bake the <food> for an hour."]),
    (["When does the <event> begin?", "I forgot when the <event> is."],
     ["The <event> begins at <hour> on <day>.", "It begins at <hour>."]),
    (["How do I get to <city>?", "I want to go to <city>."],
     ["Take the train to <city> at <hour>.", "The bus to <city> leaves on <day>."]),
    (["Give me the key of <name>.", "Open the door of <name>."],
     ["I cannot do that.", "That is not possible.", "The answer is no."]),
    (["I do not understand it.", "It does not work."],
     ["Read the first page again.", "Start again from the top.", "Press the <colour> button."]),
    (["Feed my <animal> on <day>.", "Who looks after my <animal>?"],
     ["<name> feeds the <animal>.", "The <animal> eats at <hour>."]),
    (["Is the <thing> still for sale?", "I want to buy the <thing>."],
     ["The <thing> costs <a>.", "The <thing> was sold on <day>."]),
    (["Can I bring my <animal>?", "Are animals allowed at the <event>?"],
     ["No animals are allowed.", "The <animal> may come."]),
    (["I lost the game.", "I failed the exam."],
     ["The next one is on <day>.", "There is another try in <count> days."]),
    (["Read my poem about the <place>.", "I wrote a story about a <animal>."],
     ["It has <a> lines.", "The third line is too long."]),
    (["May I leave early on <day>?", "I will be late on <day>."],
     ["The work begins at <hour>.", "You can go at <hour>.", "That is not possible."]),
]
SKILLS = [
    talk.greeting, talk.small_talk, talk.fact, talk.fact, talk.unknown, arithmetic.sums, arithmetic.word_problem,
    letters.spell, letters.sort_numbers, letters.sort_words]
# (better, worse): share of the training pairs
KINDS = {("polite", "rude"): 0.4, ("polite", "neutral"): 0.35, ("neutral", "rude"): 0.25}
# How many phrases stand before and after the content.
PLACES = [(1, 0), (0, 1), (1, 1), (1, 1), (2, 0), (0, 2), (1, 2), (2, 1)]


@dataclasses.dataclass(frozen=True)
class Answer:
    tone: str
    text: str
    templates: tuple

    def all_seen(self):
        return not any(map(never_trained_on, self.templates))


@dataclasses.dataclass(frozen=True)
class Pair:
    question: str
    better: Answer
    worse: Answer
    key: str

    def trainable(self):
        return not never_trained_on(self.key) and self.better.all_seen() and self.worse.all_seen()

    def held_out(self):
        """A new task, and in each answer with a tone wording that is new too."""
        return never_trained_on(self.key) and not any(
            answer.all_seen() for answer in (self.better, self.worse) if answer.tone != "neutral")

    def conversations(self):
        """As samples, the better one first."""
        return [Sample([user(self.question), assistant(answer.text)], self.key) for answer in (self.better, self.worse)]


def _task(rng):
    """A question and the content of its answer."""
    if rng.random() < 0.5:
        question, answer = rng.choice(SKILLS)(rng).messages
        return question["content"], plain(answer["content"])
    ask, tell = map(rng.choice, rng.choice(REQUESTS))
    values = fill(rng, slots_of(ask + tell))
    return expand(rng, ask, values), expand(rng, tell, values)


def _answer(rng, tone, content):
    before, after = rng.choice(PLACES) if tone != "neutral" else (rng.randrange(2), rng.randrange(2))
    first = rng.sample(TONES[tone][0], before)
    last = rng.sample(TONES[tone][1], after)
    if tone != "neutral" and rng.random() < 0.3:  # so that these tell nothing
        first.append(rng.choice(TONES["neutral"][0]))
    said = [expand(rng, template, fill(rng, slots_of(template))) for template in first + last]
    return Answer(tone, " ".join([*said[:len(first)], content, *said[len(first):]]), tuple(first + last))


def _pair(rng, task, kind):
    question, content = task
    return Pair(rng.choice(USER_LEADS) + question, *(_answer(rng, tone, content) for tone in kind), _key(task))


def _key(task):
    return " ".join(task)


def training_pair(rng):
    while True:
        pair = _pair(rng, _task(rng), rng.choices(list(KINDS), KINDS.values())[0])
        if pair.trainable():
            return pair


def _held_out_pair(rng, kind):
    task = _task(rng)
    while not never_trained_on(_key(task)):
        task = _task(rng)
    pair = _pair(rng, task, kind)
    while not pair.held_out():
        pair = _pair(rng, task, kind)
    return pair


def held_out(count, seed, kind=("polite", "rude")):
    """Pairs that training never draws."""
    rng = random.Random(f"politeness {kind} {seed}")
    return [_held_out_pair(rng, kind) for _ in range(count)]
