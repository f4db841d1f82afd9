"""One example: a conversation whose last answer can be judged."""
import dataclasses
import hashlib
import json
import re

from . import words

HELD_OUT_SHARE = 10  # one key of so many is never trained on
ALWAYS_TRAINED = ""  # the key of what people say most, such as "Bye"


def never_trained_on(key):
    """Is this task kept for judging the model? Never, where it has no key."""
    if key == ALWAYS_TRAINED:
        return False
    digest = hashlib.sha256(normal(key).encode()).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT_SHARE == 0


NOTHING_TO_WORK_OUT = "There is nothing to work out."


@dataclasses.dataclass
class Sample:
    messages: list  # as in a chat request; the last is the assistant's
    key: str        # what makes the task new: equal keys are never split
    judge: str = "same"
    wanted: object = None  # what the judge looks for; None: the last answer
    tools: list = dataclasses.field(default_factory=list)
    within: list = dataclasses.field(default_factory=list)  # keys of tasks inside this one
    reasoning: str = NOTHING_TO_WORK_OUT  # what it thinks where thinking is on
    short_answer: str = ""  # what is left to say once it has thought; "": the same
    thinking: bool = False
    comes_first: bool = False  # after other talk it would be wrong, or that talk would

    def prompt(self):
        return self.messages[:-1]

    def answer(self):
        return self.messages[-1]

    def question(self):
        return self.messages[-2]["content"]

    def thought_over(self):
        """The same task with thinking switched on."""
        answer = {**self.answer(), "reasoning_content": self.reasoning}
        if self.short_answer:
            answer["content"] = self.short_answer
        return dataclasses.replace(self, messages=[*self.prompt(), answer], thinking=True)

    def after(self, earlier):
        """The same task, later in a conversation; a system prompt stays in front."""
        told = [message for sample in earlier for message in sample.messages]
        start = self.messages[0]["role"] == "system"
        return dataclasses.replace(
            self, messages=[*self.messages[:start], *told, *self.messages[start:]],
            within=self.within + [task for sample in earlier for task in sample.tasks()])

    def tasks(self):
        """The keys of all that is solved in it."""
        return [self.key, *self.within]

    def held_out(self):
        return never_trained_on(self.key)

    def trainable(self):
        return not any(map(never_trained_on, self.tasks()))

    def accepts(self, answer):
        """Is this text of the model a right answer, thought over or not as wished?"""
        if ("</think>" in answer) != self.thinking:
            return False
        return JUDGES[self.judge](self.looked_for(), answer.split("</think>")[-1].strip())

    def looked_for(self):
        return plain(self.answer()["content"]) if self.wanted is None else self.wanted


def normal(text):
    """The same for texts that differ in capitals and marks only."""
    return " ".join(re.findall(r"[\w+*×−/-]+", text.lower()))


LETTER_BREAK = "\ue000"  # here the tokens are cut, and nothing is shown


def letter_by_letter(word):
    """A word that the model is to write one letter at a time: for most words
    that nobody has written before there is no other way to be right."""
    return LETTER_BREAK + LETTER_BREAK.join(word)


def plain(text):
    return text.replace(LETTER_BREAK, "")


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def system(text):
    return {"role": "system", "content": text}


def tool_result(value):
    return {"role": "tool", "content": json.dumps(value)}


def tool_call(name, arguments):
    return {"role": "assistant", "content": "", "tool_calls": [
        {"type": "function", "function": {"name": name, "arguments": arguments}}]}


# Judges: what is wanted, the model's text -> right or not --------------------

def _last_number(wanted, text):
    numbers = re.findall(r"-?\d+", text.replace("−", "-"))
    return bool(numbers) and int(numbers[-1]) == wanted


def _ends(wanted, text):
    return re.search(rf"(?<!\w){re.escape(str(wanted).lower())}[.!]*$", text.lower()) is not None


def _contains(wanted, text):
    return all(re.search(rf"(?<!\w){re.escape(str(part).lower())}(?!\w)", text.lower()) for part in wanted)


def _any(wanted, text):
    return any(part.lower() in text.lower() for part in wanted)


def _json(wanted, text):
    try:
        return json.loads(text) == wanted
    except ValueError:
        return False


def _call(wanted, text):
    calls = re.findall(r"<tool_call>\s*(.*?)\s*</tool_call>", text, re.DOTALL)
    return len(calls) == 1 and _json(wanted, calls[0])


def _lines(wanted, text):
    return text.splitlines() == [f"- {line}" for line in wanted]


def _style(wanted, text):
    """`wanted`: form, its mark, and how to judge the answer without it."""
    form, mark, judge, inner = wanted
    bare = FORMS[form](mark, text)
    return bare is not None and JUDGES[judge](inner, bare)


def _without_call(wanted, text):
    judge, inner = wanted
    return "<tool_call>" not in text and JUDGES[judge](inner, text)


SHE = {"she", "her", *(word.lower() for word in words.GIRLS_NAMES + words.HEROINES)}
HE = {"he", "his", "him", *(word.lower() for word in words.BOYS_NAMES + words.MALE_HEROES)}


def _story(wanted, text):
    """Names what it is to be about, has some sentences, and its hero is either a she or a he from start to end."""
    said = set(re.findall(r"\w+", text.lower()))
    whole = 3 <= len(re.findall(r"[.!?]", text)) <= 12 and text[-1] in ".!?\""
    return whole and _contains(wanted, text) and not (said & SHE and said & HE)


JUDGES = {
    "same": lambda wanted, text: text == wanted,
    "letters": lambda wanted, text: text.lower() == wanted,
    "last_number": _last_number,
    "ends": _ends,
    "contains": _contains,
    "any": _any,
    "json": _json,
    "call": _call,
    "without_call": _without_call,
    "style": _style,
    "lines": _lines,
    "lines in any order": lambda wanted, text: _lines(sorted(wanted), "\n".join(sorted(text.splitlines()))),
    "story": _story,
}

# Of a style: (its mark, text) -> the text without it, or None where the text is not in it.
FORMS = {
    "shout": lambda _, text: text if text == text.upper() else None,
    "lower": lambda _, text: text if text == text.lower() else None,
    "short": lambda _, text: text if len(text.split()) <= 3 else None,
    "start": lambda mark, text: text.removeprefix(mark) if text.startswith(mark) else None,
    "end": lambda mark, text: text.removesuffix(mark) if text.endswith(mark) else None,
}
