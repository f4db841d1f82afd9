"""Facts told earlier in the conversation, over four turns and more."""
from .. import words
from ..sample import Sample, assistant, user

# name -> (ways to tell, answer to it, ways to ask, answer, values)
FACTS = {
    "name": (["My name is {}.", "I am called {}.", "I'm {}.", "Call me {}."], "Nice to meet you, {}!",
             ["What is my name?", "Who am I?", "Do you remember my name?", "What am I called?"], "Your name is {}.", words.NAMES),
    "colour": (["My favourite colour is {}.", "I like {} best of all colours.", "The colour I love is {}."], "{} is a nice colour.",
               ["What is my favourite colour?", "Which colour do I like best?", "Which colour do I love?"],
               "Your favourite colour is {}.", words.COLOURS),
    "number": (["My lucky number is {}.", "Remember the number {}.", "My number is {}."], "I will remember {}.",
               ["What is my number?", "Which number did I tell you?", "Do you remember my number?"], "Your number is {}.",
               [str(n) for n in range(2, 100)]),
    "city": (["I live in {}.", "My home is in {}.", "I come from {}."], "{} is a fine place.",
             ["Where do I live?", "Which city is my home?", "Where is my home?"], "You live in {}.", words.CITIES),
    "food": (["My favourite food is {}.", "I like to eat {} most.", "I love {} for dinner."], "{} sounds tasty.",
             ["What is my favourite food?", "What do I like to eat most?", "What do I love for dinner?"],
             "Your favourite food is {}.", words.FOODS),
    "animal": (["I have a pet {}.", "My pet is a {}.", "At home I have a {}."], "A {} is a lovely pet.",
               ["What pet do I have?", "Which animal is my pet?", "What kind of pet is mine?"], "You have a {}.", words.ANIMALS),
    "job": (["I work as a {}.", "My job is {}.", "I am a {} by trade."], "Being a {} must be interesting.",
            ["What is my job?", "What do I do for work?", "What do I work as?"], "You work as a {}.", words.JOBS),
}


def _capital(text):
    return text[0].upper() + text[1:]


def _told(rng, fact, value):
    tell, reply, *_ = FACTS[fact]
    return [user(rng.choice(tell).format(value)), assistant(_capital(reply.format(value)))]


def recall(rng, filler):
    """`filler` makes a short sample to put between; facts first, then the question."""
    facts = rng.sample(list(FACTS), rng.randrange(1, 5))
    values = {fact: rng.choice(FACTS[fact][4]) for fact in facts}
    turns, within = [_told(rng, fact, values[fact]) for fact in facts], []
    if rng.random() < 0.25:  # it changes its mind
        fact = rng.choice(facts)
        values[fact] = rng.choice(FACTS[fact][4])
        turns.append(_told(rng, fact, values[fact]))
        turns[-1][0]["content"] = "Actually, " + turns[-1][0]["content"].replace("My", "my", 1)
    while len(turns) < rng.randrange(4, 8):
        between = filler(rng)
        within.append(between.key)
        turns.insert(rng.randrange(len(turns) + 1) if rng.random() < 0.5 else len(turns), between.messages)
    asked = rng.choice(facts)
    _, _, ask, answer, _ = FACTS[asked]
    messages = [message for turn in turns for message in turn]
    for again in rng.sample(facts, rng.randrange(0, len(facts))):
        messages += [user(rng.choice(FACTS[again][2])), assistant(FACTS[again][3].format(values[again]))]
    messages += [user(rng.choice(ask)), assistant(answer.format(values[asked]))]
    key = asked + "|".join(message["content"] for message in messages[:-1])
    return Sample(messages, key, "contains", [values[asked]], within=within)
