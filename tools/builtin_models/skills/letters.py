"""Words as rows of letters, and rows of words: reverse, sort, count."""

from .. import words
from ..sample import Sample, assistant, letter_by_letter, user

QUOTES = ['"{}"', "'{}'", "{}"]


def _quoted(rng, word):
    return rng.choice(QUOTES).format(word)


def _listed(rng, items):
    """Such as "a, b, c", "a b c" or "a, b and c"."""
    if rng.random() < 0.15:
        return f"{', '.join(items[:-1])} and {items[-1]}"
    return rng.choice([", ", ", ", ", ", " "]).join(items)


def _letters(count):
    return f"{count} letter{'s' * (count != 1)}"


# The tasks of one word show its letters in forms of their own, so that what is
# held out of one is no copy of another: A-B, a-b, a1 b2, a1 b.


def spell(rng):
    word = rng.choice(words.NAMES).lower() if rng.random() < 0.1 else words.any_word(rng)
    shown = word.capitalize() if rng.random() < 0.35 else word
    text = rng.choice(["Spell {}.", "How do you spell {}?", "Spell the word {}.", "Spell {}, please."]).format(_quoted(rng, shown))
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


# Short sentences as people type them.
SENTENCES = [
    "hello world",
    "I like {colour} {food}",
    "I love {food} and {other}",
    "the {mood} {animal} {did} in the {place}",
    "The {colour} {animal} {did} over the {mood} {other_animal}",
    "my {thing} is {colour}",
    "we {did} to the {place}",
    "{name} has a {colour} {thing}",
    "{name} and {friend} are {mood}",
    "how are you today",
    "this is a {thing}",
    "where is my {colour} {thing}",
    "good morning {name}",
    "{colour} {thing}",
    "a {mood} {animal} is in my {place}",
    "to be or not to be",
    "one two three four five",
    "you and I like the {place}",
]
LINKS = ["the", "a", "and", "in", "on", "with", "under", "my", "your", "every"]


def _sentence(rng):
    values = {
        "colour": rng.choice(words.COLOURS),
        "food": rng.choice(words.FOODS),
        "other": rng.choice(words.FOODS),
        "mood": rng.choice(words.ADJECTIVES),
        "animal": rng.choice(words.ANIMALS),
        "other_animal": rng.choice(words.ANIMALS),
        "thing": rng.choice(words.THINGS),
        "place": rng.choice(words.PLACES),
        "did": rng.choice(words.VERBS_PAST),
        "name": rng.choice(words.NAMES),
        "friend": rng.choice(words.NAMES),
    }
    return words.with_articles(rng.choice(SENTENCES).format(**values)).split()


def _row(rng, count):
    """Now and then with a word twice."""
    pool = words.ALL_WORDS + words.VERBS_PAST + LINKS * 5
    row = [words.any_of(rng, pool) for _ in range(count)]
    if rng.random() < 0.2:
        row[rng.randrange(count)] = rng.choice(row)
    return row


def _phrase(rng, longest):
    """A list of words; those of a sentence, or any."""
    phrase = _sentence(rng) if rng.random() < 0.35 else _row(rng, rng.randrange(2, longest + 1))
    phrase = phrase[:longest]
    if rng.random() < 0.2:
        phrase[0] = phrase[0].capitalize()
    return phrase


def count_words(rng):
    phrase = _phrase(rng, 10)
    line = " ".join(phrase)
    text = rng.choice(
        [
            'How many words are in "{}"?',
            "Count the words: {}",
            'How many words does "{}" have?',
            'Count the words of "{}".',
            "How many words are in this sentence: {}",
            "How many words: {}",
        ]
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
    phrase = _phrase(rng, 6)
    text = rng.choice(
        [
            "Reverse the order of these words: {}",
            "Put these words in reverse order: {}",
            "Say these words the other way round: {}",
            "Reverse the words: {}",
            "Reverse the order of the words: {}",
            'Reverse the words of "{}".',
        ]
    ).format(" ".join(phrase))
    return Sample(
        [user(text), assistant(" ".join(phrase[::-1]))],
        "order " + " ".join(phrase),
        reasoning=f"I begin at the end, with {phrase[-1]}.",
    )


RISING = ["", "", "", " from low to high", " from smallest to largest", " in ascending order", ", smallest first"]
FALLING = [" from high to low", " from largest to smallest", " in descending order", ", largest first", " from big to small"]


def _numbers(rng):
    """Small ones, tens, or any; some twice, some lists in order as they are."""
    pool = rng.choice([range(10), range(1, 11), range(10, 100, 10), range(100), range(100), range(1000)])
    count = rng.randrange(3, 8)
    numbers = [rng.choice(pool) for _ in range(count)] if rng.random() < 0.25 else rng.sample(pool, count)
    if rng.random() < 0.1:
        numbers.sort(reverse=rng.random() < 0.7)
    return numbers


def sort_numbers(rng):
    numbers = _numbers(rng)
    falling = rng.random() < 0.3
    text = rng.choice(["Sort these numbers{}: {}", "Put these numbers in order{}: {}", "Order{}: {}", "Sort{}: {}", "Sort {1}{0}."])
    text = text.format(rng.choice(FALLING if falling else RISING), _listed(rng, [str(number) for number in numbers]))
    answer = ", ".join(map(str, sorted(numbers, reverse=falling)))
    return Sample(
        [user(text), assistant(answer)],
        f"{falling}{sorted(numbers)}",
        reasoning=f"The {'largest' if falling else 'smallest'} comes first.",
    )


def _different_words(rng, count):
    """All small, or all with a capital as names have, or as they come."""
    pool = rng.choice([words.ALL_WORDS] * 6 + [words.NAMES, words.FOODS, words.ANIMALS])
    chosen = list({words.any_of(rng, pool).lower(): None for _ in range(count * 2)})[:count]
    capital = rng.choice([0, 0, 0, 0, 1, 0.5]) if pool is not words.NAMES else 1
    return [word.capitalize() if rng.random() < capital else word for word in chosen]


def sort_words(rng):
    chosen = _different_words(rng, rng.randrange(3, 6))
    text = rng.choice(
        [
            "Sort these words: {}",
            "Sort alphabetically: {}",
            "Put these words in alphabetical order: {}",
            "Sort these words from A to Z: {}",
            "Sort these words alphabetically: {}",
            "Sort these names: {}",
            "Sort: {}",
            "Sort {}",
        ]
    ).format(_listed(rng, chosen))
    answer = ", ".join(sorted(chosen, key=str.lower))
    return Sample(
        [user(text), assistant(answer)],
        f"sort {sorted(chosen, key=str.lower)}",
        "letters",
        answer.lower(),
        reasoning="I go by the first letters, then by the next.",
    )
