"""Facts told earlier in the conversation, over four turns and more."""
from .. import words
from ..sample import Sample, assistant, user


def _one_of(values):
    return lambda rng: rng.choice(values)


# name -> (ways to tell, answer to it, ways to ask, answer, rng -> value)
FACTS = {
    "name": (["My name is {}.", "I am called {}.", "I'm {}.", "Call me {}.", "Hello! I am {}.",
              "Hi, my name is {}.", "Hi, I'm {}!"], "Hello, {}! Nice to meet you.",
             ["What is my name?", "Do you know my name?", "Who am I?", "Do you remember my name?", "What am I called?"], "Your name is {}.", words.any_name),
    "colour": (["My favourite colour is {}.", "My favorite color is {}.", "I like {} best of all colours.", "The colour I love is {}."], "{} is a nice colour.",
               ["What is my favourite colour?", "What is my favorite color?", "Which colour do I like best?", "Which colour do I love?"],
               "Your favourite colour is {}.", _one_of(words.COLOURS)),
    "number": (["My lucky number is {}.", "Remember the number {}.", "My number is {}."], "I will remember {}.",
               ["What is my number?", "Which number did I tell you?", "Do you remember my number?"], "Your number is {}.",
               lambda rng: str(rng.randrange(2, 100))),
    "word": (["The secret word is {}.", "Remember the word {}.", "My password is {}."], "I keep {} in mind.",
             ["What is the secret word?", "Which word did I tell you?", "What is my password?"], "The word is {}.", words.invented_word),
    "city": (["I live in {}.", "My home is in {}.", "I come from {}."], "{} is a fine place.",
             ["Where do I live?", "Which city is my home?", "Where is my home?"], "You live in {}.", words.any_city),
    "food": (["My favourite food is {}.", "My favorite food is {}.", "I like to eat {} most.", "I love {} for dinner."], "{} sounds tasty.",
             ["What is my favourite food?", "What is my favorite food?", "What do I like to eat most?", "What do I love for dinner?"],
             "Your favourite food is {}.", _one_of(words.FOODS)),
    "animal": (["I have a pet {}.", "My pet is a {}.", "At home I have a {}."], "A {} is a lovely pet.",
               ["What pet do I have?", "Which animal is my pet?", "What kind of pet is mine?"], "You have a {}.", _one_of(words.ANIMALS)),
    "job": (["I work as a {}.", "My job is {}.", "I am a {} by trade."], "Being a {} must be interesting.",
            ["What is my job?", "What do I do for work?", "What do I work as?"], "You work as a {}.", _one_of(words.JOBS)),
}


def _capital(text):
    return text[0].upper() + text[1:]


def _told(rng, fact, value):
    tell, reply, *_ = FACTS[fact]
    return [user(rng.choice(tell).format(value)), assistant(_capital(reply.format(value)))]


def _turns_between(rng):
    """Mostly a few, sometimes as many as the context holds."""
    return rng.randrange(4, 8) if rng.random() < 0.85 else rng.randrange(8, 70)


def recall(rng, filler):
    """`filler` makes a short sample to put between; facts first, then the question."""
    facts = rng.sample(list(FACTS), rng.randrange(1, 5))
    told = {fact: FACTS[fact][4](rng) for fact in facts}
    turns, within = [_told(rng, fact, value) for fact, value in told.items()], []
    if rng.random() < 0.25:  # it changes its mind
        fact = rng.choice(facts)
        told[fact] = FACTS[fact][4](rng)
        turns.append(_told(rng, fact, told[fact]))
        turns[-1][0]["content"] = "Actually, " + turns[-1][0]["content"].replace("My", "my", 1)
    wanted_turns = _turns_between(rng)
    while len(turns) < wanted_turns:
        between = filler(rng)
        within.append(between.key)
        turns.insert(rng.randrange(len(turns) + 1) if rng.random() < 0.5 else len(turns), between.messages)
    for again in rng.sample(facts, rng.randrange(0, len(facts))):
        turns.append(_asked(rng, again, told[again]))
    last = rng.choice(facts)
    messages = [message for turn in [*turns, _asked(rng, last, told[last])] for message in turn]
    key = last + "|".join(message["content"] for message in messages[:-1])
    return Sample(messages, key, "contains", [told[last]], within=within,
                  reasoning=f"The user told me before: {told[last]}.")


def _asked(rng, fact, value):
    _, _, ask, answer, _ = FACTS[fact]
    return [user(rng.choice(ask)), assistant(answer.format(value))]
