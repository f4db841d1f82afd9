"""A task as people bring it: hastily typed, with a system prompt, to be thought over."""

import dataclasses

THINKING_SHARE = 0.25
CASUAL_SHARE = 0.15
SYSTEM_SHARE = 0.1
SYSTEM_PROMPTS = [
    "You are a helpful assistant.",
    "You are a helpful AI assistant.",
    "You are parallm-tiny.",
    "You are a friendly assistant. Answer the user's questions.",
]
ASKING = set("""what which who where when how is are can do does please tell spell reverse sort count write say put calculate
compute solve hello hi hey good thank thanks bye opposite name""".split())


def _casual(rng, text):
    """As people type: no capital in front, no mark at the end, what's."""
    first, _, rest = text.partition(" ")
    if first.lower() not in ASKING or "\n" in text:
        return text
    text = f"{first.lower()} {rest}".strip().rstrip("?.")
    return text.replace("what is ", "what's ", 1) if rng.random() < 0.5 else text


def dressed(rng, sample):
    """Now and then with thinking, a plain system prompt, careless typing."""
    if rng.random() < THINKING_SHARE:
        sample = sample.thought_over()
    messages = list(sample.messages)
    if messages[-2]["role"] == "user" and rng.random() < CASUAL_SHARE:
        messages[-2] = {**messages[-2], "content": _casual(rng, messages[-2]["content"])}
    if messages[0]["role"] != "system" and rng.random() < SYSTEM_SHARE:
        messages.insert(0, {"role": "system", "content": rng.choice(SYSTEM_PROMPTS)})
    return dataclasses.replace(sample, messages=messages)
