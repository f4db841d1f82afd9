"""Whole numbers: sums, differences, small products, little word problems."""

from .. import words
from ..sample import Sample, assistant, user

ASK = [
    "What is {}?",
    "{} =",
    "Calculate {}.",
    "How much is {}?",
    "{}?",
    "Compute {}",
    "Please work out {}.",
    "Can you tell me what {} is?",
    "What do you get for {}?",
    "Solve {}.",
]


def _problem(rng):
    sign = rng.choice("++--*")
    if sign == "*":
        a, b = rng.randrange(0, 11), rng.randrange(0, 11)
        return a, b, rng.choice(["*", "×", "x", "times"]), a * b
    a, b = rng.randrange(0, 100), rng.randrange(0, 100)
    if sign == "+":
        return a, b, rng.choice(["+", "+", "plus"]), a + b
    if rng.random() < 0.8:
        a, b = max(a, b), min(a, b)
    return a, b, rng.choice(["-", "-", "−", "minus"]), a - b


def _sum_key(a, sign, b):
    """The same for 3 + 4 and 4 + 3."""
    return f"{max(a, b)} + {min(a, b)}" if sign == "+" else f"{a} {sign} {b}"


# With words for the sign; a and b in the order of the term.
ASK_IN_WORDS = {
    "+": ["Add {a} and {b}.", "Add {b} to {a}.", "What is the sum of {a} and {b}?", "What do {a} and {b} make together?"],
    "-": ["Subtract {b} from {a}.", "Take {b} from {a}.", "What is the difference of {a} and {b}?", "What is {a} less {b}?"],
    "*": ["Multiply {a} by {b}.", "Multiply {a} and {b}.", "What is the product of {a} and {b}?", "What is {a} times {b}?"],
}
SHOWN = {"plus": "+", "minus": "-", "−": "-", "times": "×", "*": "×", "x": "×"}


def sums(rng):
    a, b, sign, result = _problem(rng)
    shown = SHOWN.get(sign, sign)
    if rng.random() < 0.25:
        ask = rng.choice(ASK_IN_WORDS["*" if shown == "×" else shown])
        text = ask.format(a=a, b=b)
    else:
        ask = rng.choice(ASK)
        text = ask.format(_term(rng, a, sign, b))
    # A product has too few pairs of factors to hold any out; its wording has not.
    key = f"{ask}{a}{sign}{b}" if shown == "×" else _sum_key(a, shown, b)
    return Sample(
        [user(text), assistant(f"{a} {shown} {b} = {result}")], key, "last_number", result, reasoning=_steps(a, shown, b, result)
    )


def _term(rng, a, sign, b):
    tight = sign in "+-*×−" and rng.random() < 0.2
    return f"{a}{sign}{b}" if tight else f"{a} {sign} {b}"


def _steps(a, sign, b, result):
    if sign == "+" and a > 9 and b > 9:
        return f"The ones make {a % 10 + b % 10}, the tens {a // 10 * 10 + b // 10 * 10}, together {result}."
    return f"{a} {sign} {b} is {result}."


def _story(rng):
    name, thing = words.any_name(rng), rng.choice(words.FOODS + words.THINGS)
    plural = {
        "box": "boxes",
        "scarf": "scarves",
        "glass": "glasses",
        "peach": "peaches",
        "brush": "brushes",
        "tomato": "tomatoes",
        "potato": "potatoes",
        "cherry": "cherries",
        "pastry": "pastries",
    }.get(thing, thing + "s")
    a, b = rng.randrange(2, 60), rng.randrange(2, 40)
    if rng.random() < 0.5:
        verb = rng.choice(["buys", "finds", "gets", "is given"])
        return (f"{name} has {a} {plural} and {verb} {b} more. How many {plural} does {name} have now?", name, plural, a, "+", b)
    a, b = max(a, b), min(a, b)
    verb = rng.choice(["loses", "sells", "gives away", "drops"])
    return (f"{name} has {a} {plural} and {verb} {b}. How many {plural} are left?", name, plural, a, "-", b)


def word_problem(rng):
    text, name, plural, a, sign, b = _story(rng)
    result = a + b if sign == "+" else a - b
    more = "gets more, so I add" if sign == "+" else "has less, so I subtract"
    return Sample(
        [user(text), assistant(f"{a} {sign} {b} = {result}")],
        text,
        "last_number",
        result,
        within=[_sum_key(a, sign, b)],
        reasoning=f"{name} begins with {a} {plural}. {name} {more} {b}.",
    )


def three_numbers(rng):
    """Needs a step in between, said or thought."""
    a, b, c = (rng.randrange(1, 50) for _ in range(3))
    first, second = (rng.choice("+-") for _ in range(2))
    between = a + b if first == "+" else a - b
    result = between + c if second == "+" else between - c
    term = f"{a} {first} {b} {second} {c}"
    return Sample(
        [user(rng.choice(ASK).format(term.replace(" ", "") if rng.random() < 0.2 else term)), assistant(f"{a} {first} {b} = {between}, {between} {second} {c} = {result}")],
        term,
        "last_number",
        result,
        within=[_sum_key(a, first, b), _sum_key(between, second, c)],
        reasoning=f"First {a} {first} {b} = {between}. Then {between} {second} {c} = {result}.",
        short_answer=f"{term} = {result}",
    )
