#!/usr/bin/env python3
"""What transformers makes of the chat templates in a folder, as digests.

Usage: make_template_goldens.py TEMPLATES FILE     (with transformers 5.24)
FILE (JSON) holds the conversations, and of each template and conversation the
length of the rendered text in bytes and its FNV-1a hash, or "error".
"""
import argparse
import json
import pathlib

from transformers.utils.chat_template_utils import _compile_jinja_template

# Today is always the same day, here and in the test that reads FILE.
SAME_DAY = "{% macro strftime_now(format) %}26 Jul 2024{% endmacro %}"
SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a place, now.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "The city's name"},
                "days": {"type": "integer", "description": "From today on", "default": 1},
                "unit": {"type": "string", "description": "°C or °F", "enum": ["°C", "°F"]},
            },
            "required": ["city"],
        },
    },
}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


CALL = {"type": "function", "id": "call12345",
        "function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2}}}
RESULT = {"role": "tool", "name": "get_weather", "tool_call_id": "call12345", "content": '{"sky": "blue"}'}
SYSTEM = {"role": "system", "content": "Be brief."}

CONVERSATIONS = {
    "one question": {"messages": [user("What is a bridge?")], "add_generation_prompt": True},
    "several turns": {
        "messages": [user("What is a bridge?"), assistant("A way over water."), user("  Thank you.\n")],
        "add_generation_prompt": True},
    "system prompt": {"messages": [SYSTEM, user("Hi")], "add_generation_prompt": True},
    "ended": {"messages": [SYSTEM, user("Hi"), assistant("Hello!")], "add_generation_prompt": False},
    "thinking off": {"messages": [user("Hi")], "add_generation_prompt": True, "enable_thinking": False},
    "thinking on": {
        "messages": [user("17 + 25?"), assistant("42", reasoning_content="7 + 5 = 12."), user("And one more?")],
        "add_generation_prompt": True, "enable_thinking": True},
    "tools offered": {"messages": [SYSTEM, user("Weather?")], "tools": [WEATHER], "add_generation_prompt": True},
    "tool called": {
        "messages": [user("Weather in Zürich?"), assistant("", tool_calls=[CALL]), RESULT],
        "tools": [WEATHER], "add_generation_prompt": True},
    "tool result answered": {
        "messages": [user("Weather in Zürich?"), assistant("", tool_calls=[CALL]), RESULT, assistant("Blue sky."),
                     user("Thanks")],
        "tools": [WEATHER], "add_generation_prompt": True},
}


def fnv1a(text):
    digest = 0xcbf29ce484222325
    for byte in text:
        digest = (digest ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return digest


def digest(template, variables):
    try:
        text = template.render(**variables, **SPECIAL_TOKENS).encode()
    except Exception:  # whatever a template raises, or makes Jinja raise
        return "error"
    return f"{len(text)} {fnv1a(text):016x}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("templates", type=pathlib.Path)
    parser.add_argument("file", type=pathlib.Path)
    options = parser.parse_args()
    found = {}
    for path in sorted(options.templates.glob("*.jinja")):
        template = _compile_jinja_template(SAME_DAY + path.read_text())
        found[path.name] = {name: digest(template, variables) for name, variables in CONVERSATIONS.items()}
    conversations = {name: {**variables, **SPECIAL_TOKENS} for name, variables in CONVERSATIONS.items()}
    goldens = {"before": SAME_DAY, "conversations": conversations, "digests": found}
    options.file.write_text(json.dumps(goldens, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(found)} templates, {sum(d == 'error' for each in found.values() for d in each.values())} refusals")


if __name__ == "__main__":
    main()
