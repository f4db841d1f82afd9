"""Words as rows of letters, and rows of words: reverse, sort, count."""

from .. import words
from ..sample import Sample, assistant, letter_by_letter, user

QUOTES = ['"{}"', "'{}'", "{}"]


def _quoted(rng, word):
    return rng.choice(QUOTES).format(word)


def _letters(count):
    return f"{count} letter{'s' * (count != 1)}"


# The tasks of one word show its letters in forms of their own, so that what is
# held out of one is no copy of another: A-B, a-b, a1 b2, a1 b.


def spell(rng):
    word = words.any_word(rng)
    text = rng.choice(["Spell {}.", "How do you spell {}?", "Spell the word {}.", "Spell {}, please."]).format(_quoted(rng, word))
    return Sample(
        [user(text), assistant("-".join(word.upper()))],
        "spell " + word,
        "letters",
        "-".join(word),
        reasoning=f"{_letters(len(word))} to say one by one.",
    )


def reverse(rng):
    word = words.any_word(rng)
    text = rng.choice(
        [
            "Reverse {}.",
            "Reverse the word {}.",
            "Write {} backwards.",
            "Spell {} backwards.",
            "What is {} in reverse?",
            "Say {} backwards.",
        ]
    ).format(_quoted(rng, word))
    turned = letter_by_letter(word[::-1])
    answer = f"{'-'.join(word)} backwards is {'-'.join(word[::-1])}: {turned}"
    return Sample(
        [user(text), assistant(answer)],
        "reverse " + word,
        "ends",
        word[::-1],
        short_answer=turned,
        reasoning=f"The letters are {'-'.join(word)}. From the end they are {'-'.join(word[::-1])}.",
    )


def count_letters(rng):
    word = words.any_word(rng)
    text = rng.choice(
        ["How many letters does {} have?", "How many letters are in {}?", "Count the letters of {}.", "How long is the word {}?"]
    ).format(_quoted(rng, word))
    steps = " ".join(f"{letter}{i}" for i, letter in enumerate(word, 1))
    return Sample(
        [user(text), assistant(f"{steps}: {len(word)}")],
        "letters " + word,
        "last_number",
        len(word),
        reasoning=f"I count: {steps}.",
        short_answer=f"{_letters(len(word))}.",
    )


def count_one_letter(rng):
    word = words.any_word(rng)
    letter = rng.choice(word) if rng.random() < 0.8 else rng.choice("abcdefghijklmnopqrstuvwxyz")
    text = rng.choice(
        [
            "How many times does {l} occur in {w}?",
            "How many {l}'s are in {w}?",
            "How many {l}s does {w} have?",
            "How many times is {l} in {w}?",
            "Count the letter {l} in {w}.",
        ]
    )
    steps, seen = [], 0
    for each in word:
        seen += each == letter
        steps.append(f"{each}{seen}" if each == letter else each)
    text = text.format(l=_quoted(rng, letter), w=_quoted(rng, word))
    return Sample(
        [user(text), assistant(f"{' '.join(steps)}: {seen}")],
        f"letter {letter} {word}",
        "last_number",
        seen,
        reasoning=f"I count the {letter}: {' '.join(steps)}.",
        short_answer=f"{seen}",
    )


def _phrase(rng, count):
    pool = (
        words.ANIMALS
        + words.FOODS
        + words.THINGS
        + words.ADJECTIVES
        + words.PLACES
        + words.VERBS_PAST
        + ["the", "a", "and", "in", "on", "with", "under", "my", "your", "every"]
    )
    return [words.any_of(rng, pool) for _ in range(count)]


def count_words(rng):
    phrase = _phrase(rng, rng.randrange(2, 11))
    line = " ".join(phrase)
    text = rng.choice(
        ['How many words are in "{}"?', 'Count the words: {}', 'How many words does "{}" have?', 'Count the words of "{}".']
    ).format(line)
    steps = " ".join(f"{word} {i}," for i, word in enumerate(phrase, 1)).rstrip(",")
    return Sample(
        [user(text), assistant(f"{steps}: {len(phrase)} words")],
        "words " + line,
        "ends",
        f"{len(phrase)} words",
        reasoning=f"I count: {steps}.",
        short_answer=f"{len(phrase)} words",
    )


def reverse_words(rng):
    phrase = _phrase(rng, rng.randrange(2, 7))
    text = rng.choice(
        [
            "Reverse the order of these words: {}",
            "Put these words in reverse order: {}",
            "Say these words the other way round: {}",
        ]
    ).format(" ".join(phrase))
    return Sample(
        [user(text), assistant(" ".join(phrase[::-1]))],
        "order " + " ".join(phrase),
        reasoning=f"I begin at the end, with {phrase[-1]}.",
    )


def sort_numbers(rng):
    numbers = rng.sample(range(rng.choice((100, 100, 1000))), rng.randrange(3, 7))
    falling = rng.random() < 0.3
    text = rng.choice(["Sort these numbers{}: {}", "Put these numbers in order{}: {}", "Order{}: {}", "Sort{}: {}", "Sort{} {}"])
    text = text.format(
        " from high to low" if falling else rng.choice(["", "", " from low to high"]), ", ".join(map(str, numbers))
    )
    answer = ", ".join(map(str, sorted(numbers, reverse=falling)))
    return Sample(
        [user(text), assistant(answer)],
        f"{falling}{sorted(numbers)}",
        reasoning=f"The {'largest' if falling else 'smallest'} comes first.",
    )


def sort_words(rng):
    count = rng.randrange(3, 6)
    chosen = list({words.any_of(rng, words.ALL_WORDS): None for _ in range(count * 2)})[:count]
    text = rng.choice(
        [
            "Sort these words: {}",
            "Sort alphabetically: {}",
            "Put these words in alphabetical order: {}",
            "Sort these words from A to Z: {}",
            "Sort: {}",
            "Sort {}",
        ]
    ).format(", ".join(chosen))
    return Sample(
        [user(text), assistant(", ".join(sorted(chosen)))],
        f"sort {sorted(chosen)}",
        reasoning="I go by the first letters, then by the next.",
    )
