#!/usr/bin/env python3
"""How often the served chat model answers held-out prompts rightly, greedy.

Usage: python -m builtin_models.evaluate [--url URL] [--prompts N] [--card FILE]   (from tools/)
Asks a running server; start one with ./serve. --card writes the table between
the marks of the model card instead of printing it alone.
"""
import argparse
import concurrent.futures
import json
import pathlib
import urllib.request

from .corpus import Renderer, held_out
from .skills import SKILLS

MODEL = "parallm-tiny"
LONGEST_ANSWER = 200
AT_ONCE = 48  # requests; the server makes batches of them
SEED = 3      # training looked at the prompts of others
BEGIN, END = "<!-- evaluate.py writes from here -->\n", "<!-- to here -->"


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["choices"][0]


class Served:
    def __init__(self, url):
        self.url, self.renderer = url, Renderer()

    def ask(self, sample):
        """Through the chat endpoint; with tools through the template, which the
        server does not fill in yet."""
        settings = {"model": MODEL, "temperature": 0, "max_tokens": LONGEST_ANSWER}
        if sample.tools:
            return post(f"{self.url}/v1/completions", {**settings, "prompt": self.renderer.prompt(sample)})["text"]
        return post(f"{self.url}/v1/chat/completions", {
            **settings, "messages": sample.prompt(), "chat_template_kwargs": {"enable_thinking": sample.thinking}})["message"]["content"]


def judge(served, pool, skill, count, thinking):
    """Share of right answers, and the first wrong one."""
    samples = held_out(skill, count, SEED, thinking)
    texts = list(pool.map(served.ask, samples))
    wrong = [(sample.question(), text) for sample, text in zip(samples, texts) if not sample.accepts(text)]
    return 1 - len(wrong) / count, wrong[:1]


def evaluate(served, count):
    """One (skill, share without thinking, share with) at a time."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for skill in SKILLS:
            shares = []
            for thinking in (False, True):
                share, wrong = judge(served, pool, skill, count, thinking)
                shares.append(share)
                for question, text in wrong:
                    print(f"      {question[:100]!r} -> {text[:150]!r}")
            mark = "ok " if min(shares) >= skill.target else "LOW"
            print(f"{mark} {skill.name:20} {shares[0]:6.1%} {shares[1]:6.1%}  wanted {skill.target:.0%}", flush=True)
            yield skill, *shares


def table(rows, count):
    lines = [f"Right answers to {count} held-out prompts a skill, greedy, asked of the server, without and with thinking:", "",
             "| | skill | wanted | plain | thinking |", "|---|---|---|---|---|"]
    group = None
    for skill, plain, thinking in rows:
        lines.append(f"| {skill.group if skill.group != group else ''} | {skill.name} | {skill.target:.0%} | {plain:.1%} | {thinking:.1%} |")
        group = skill.group
    return "\n".join(lines) + "\n"


def write_into(card, text):
    before, _, rest = card.read_text().partition(BEGIN)
    card.write_text(before + BEGIN + text + END + rest.partition(END)[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--prompts", type=int, default=100, help="held-out prompts a skill")
    parser.add_argument("--card", type=pathlib.Path, help="model card to write the table into")
    options = parser.parse_args()
    rows = list(evaluate(Served(options.url), options.prompts))
    if options.card:
        write_into(options.card, table(rows, options.prompts))


if __name__ == "__main__":
    main()
