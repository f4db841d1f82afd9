#!/usr/bin/env python3
"""How often the served chat model answers held-out prompts rightly, greedy.

Usage: python -m builtin_models.evaluate [--url URL] [--prompts N] [--card FILE]   (from tools/)
Asks a running server; start one with ./serve. --card writes the table between
the marks of the model card instead of printing it alone. Exits with 1 where a
skill is below what is wanted.
"""
import concurrent.futures
import json
import pathlib
import sys
import urllib.request

from .command_line import parser_of
from .corpus import WAYS, Renderer, held_out
from .judging import judged, mark
from .skills import SKILLS

MODEL = "parallm-tiny"
LONGEST_ANSWER = 200
AT_ONCE = 48  # requests; the server makes batches of them
SEED = 3      # quick_check.py uses 1, the tests others
TIMEOUT_SECONDS = 600  # for one answer, with all the others before it
BEGIN, END = "<!-- evaluate.py writes from here -->\n", "<!-- to here -->"


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
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
        settings["chat_template_kwargs"] = {"enable_thinking": sample.thinking}
        return post(f"{self.url}/v1/chat/completions", {**settings, "messages": sample.prompt()})["message"]["content"]


def ask(served, pool, samples):
    return judged(samples, list(pool.map(served.ask, samples)))


def evaluate(served, count):
    """One (skill, way -> Judged) at a time; ways in which it is never asked are left out."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for skill in SKILLS:
            asked = {way: held_out(skill, count, SEED, **drawn) for way, drawn in WAYS.items()}
            answers = {way: ask(served, pool, samples) for way, samples in asked.items() if samples}
            shares = " ".join(f"{each.share():6.1%}" for each in answers.values())
            print(f"{mark(reached(skill, answers))} {skill.name:24} {shares}  wanted {skill.target:.0%}", flush=True)
            for each in answers.values():
                each.show_wrong(1)
            yield skill, answers


def reached(skill, answers):
    return min(each.share() for each in answers.values()) >= skill.target


def line(skill, answers, group):
    shares = [f"{answers[way].share():.1%}" if way in answers else "" for way in WAYS]
    return f"| {group} | {skill.name} | {answers['plain'].total} | {skill.target:.0%} | {' | '.join(shares)} |"


def table(rows):
    lines = ["Right answers to held-out prompts, no two alike, greedy, asked of the server:", "",
             f"| | skill | prompts | wanted | {' | '.join(WAYS)} |", "|---|---|---|---|" + "---|" * len(WAYS)]
    group = None
    for skill, answers in rows:
        lines.append(line(skill, answers, skill.group if skill.group != group else ""))
        group = skill.group
    return "\n".join(lines) + "\n"


def around_table(card):
    """What stands before the first mark, and what after the second."""
    before, begin, rest = card.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        sys.exit(f"{card} lacks the mark {(END if begin else BEGIN).strip()}")
    return before, after


def expect_server(url):
    try:
        urllib.request.urlopen(f"{url}/health", timeout=TIMEOUT_SECONDS).close()
    except OSError as error:
        sys.exit(f"{url}: no server answers there ({error}); start one with ./serve")


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--prompts", type=int, default=100, help="held-out prompts a skill, where there are so many")
    parser.add_argument("--card", type=pathlib.Path, help="model card to write the table into")
    options = parser.parse_args()
    before, after = around_table(options.card) if options.card else ("", "")
    expect_server(options.url)
    rows = list(evaluate(Served(options.url), options.prompts))
    if options.card:
        options.card.write_text(before + BEGIN + table(rows) + END + after)
    if not all(reached(*row) for row in rows):
        sys.exit("some skills are below what is wanted")


if __name__ == "__main__":
    main()
