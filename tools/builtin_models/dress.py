"""A task as people bring it: late in a conversation, hastily typed, with a system prompt, to be thought over."""

import dataclasses

THINKING_SHARE = 0.25
LATER_SHARE = 0.5
FEWER_TURNS = 0.5  # how often no more is said before it
MOST_TURNS = 5
CASUAL_SHARE = 0.15
SYSTEM_SHARE = 0.1
SYSTEM_PROMPTS = [
    "You are a helpful assistant.",
    "You are a helpful AI assistant.",
    "You are parallm-tiny.",
    "You are a friendly assistant. Answer the user's questions.",
]
ASKING = set("""what which who where when how is are can do does please tell spell reverse sort count write say put calculate
compute solve add subtract multiply hello hi hey good thank thanks bye opposite name my i i'm call remember at actually""".split())
ALWAYS_CAPITAL = {"I", "I'm"}


def _casual(rng, message):
    """As people type: no capital in front, no mark at the end, what's."""
    first, _, rest = message["content"].partition(" ")
    if message["role"] != "user" or first.lower().rstrip(",") not in ASKING or "\n" in rest:
        return message
    text = f"{first if first in ALWAYS_CAPITAL else first.lower()} {rest}".strip().rstrip("?.")
    return {**message, "content": text.replace("what is ", "what's ", 1) if rng.random() < 0.5 else text}


def later(rng, sample, talk):
    """The same task after one to five others. `talk` draws them; where this
    one is thought over, they were too, and what is left of them is short."""
    earlier = [talk(rng)]
    while len(earlier) < MOST_TURNS and rng.random() > FEWER_TURNS:
        earlier.append(talk(rng))
    return sample.after([each.thought_over() if sample.thinking else each for each in earlier])


def dressed(rng, sample, talk):
    """Now and then with thinking, other talk before it, a plain system prompt, careless typing."""
    if rng.random() < THINKING_SHARE:
        sample = sample.thought_over()
    if not sample.comes_first and rng.random() < LATER_SHARE:
        sample = later(rng, sample, talk)
    messages = [_casual(rng, message) if rng.random() < CASUAL_SHARE else message for message in sample.messages]
    if messages[0]["role"] != "system" and rng.random() < SYSTEM_SHARE:
        messages.insert(0, {"role": "system", "content": rng.choice(SYSTEM_PROMPTS)})
    return dataclasses.replace(sample, messages=messages)
