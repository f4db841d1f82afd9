"""What the chat model is trained on and judged by."""
import random
import re

import pytest

from builtin_models.corpus import GIVEN, HEARD, SAID, WAYS, Renderer, draw, held_out
from builtin_models.sample import never_trained_on, normal, plain
from builtin_models.skills import SKILLS, letters, named
from builtin_models.skills.memory import FACTS, NOT_TOLD

SEED = 7
DRAWS = 20_000


@pytest.fixture(scope="module")
def renderer():
    return Renderer()


@pytest.fixture(scope="module")
def drawn():
    rng = random.Random(SEED)
    return [draw(rng) for _ in range(DRAWS)]


@pytest.fixture(scope="module")
def trained(drawn, renderer):
    return "\n".join(map(renderer.whole, drawn))


def casual(wordings):
    """As dress.py may have made of them."""
    plain_ones = [text.lower().rstrip("?") for text in wordings]
    return plain_ones + [text.replace("what is ", "what's ") for text in plain_ones]


def impolite(text):
    return normal(text).removeprefix("please ").removeprefix("hello ")


def ways_of(skill):
    return [way for way, drawn in WAYS.items() if held_out(skill, 1, SEED, **drawn)]


def said(renderer, sample):
    """The last answer as the model has to say it."""
    whole = renderer.whole(sample).split("<|im_start|>assistant\n")[-1]
    return whole.split("<|im_end|>")[0].removeprefix("<think>\n")


def test_no_held_out_task_is_drawn(drawn):
    assert not [sample for sample in drawn if sample.held_out()]


def test_no_held_out_sum_is_written_anywhere(trained):
    for sample in held_out(named("sums"), 400, SEED):
        if "×" not in sample.answer()["content"]:
            assert f"\n{sample.answer()['content']}\n" not in trained.replace("<|im_end|>", "\n")


@pytest.mark.parametrize("name", ["spell", "JSON", "sort numbers", "count words", "small talk", "facts of its world", "told something"])
def test_no_held_out_prompt_is_asked_anywhere(name, drawn):
    asked = {normal(message["content"]) for sample in drawn for message in sample.messages if message["role"] == "user"}
    assert not [sample for sample in held_out(named(name), 200, SEED) if normal(sample.question()) in asked]


def test_no_held_out_prompt_is_answered_by_a_call_anywhere(drawn):
    """Asked without a tool for it, it is another task; asked politely it is the same."""
    called = {impolite(asked["content"]) for sample in drawn for asked, answer in zip(sample.messages, sample.messages[1:])
              if answer.get("tool_calls")}
    assert called
    assert not [sample for sample in held_out(named("choose a tool"), 200, SEED) if impolite(sample.question()) in called]


@pytest.mark.parametrize("thinking", [False, True])
@pytest.mark.parametrize("skill", [skill for skill in SKILLS if "after other talk" in ways_of(skill)], ids=lambda skill: skill.name)
def test_a_task_comes_late_too(skill, thinking):
    """And what was said before it is trained on, thought over where it is itself."""
    for alone, late in zip(held_out(skill, 20, SEED, thinking), held_out(skill, 20, SEED, thinking, after_talk=True)):
        system = alone.messages[0]["role"] == "system"
        before = late.messages[system:len(late.messages) - len(alone.messages) + system]
        assert before and [*late.messages[:system], *late.messages[system + len(before):]] == alone.messages
        assert late.key == alone.key
        assert not any(map(never_trained_on, late.within[len(alone.within):]))
        assert thinking == all("reasoning_content" in message for message in before if message["role"] == "assistant")


def test_what_a_system_prompt_decides_comes_first_only():
    assert {skill.name for skill in SKILLS} - {skill.name for skill in SKILLS if "after other talk" in ways_of(skill)} == {
        "never told", "style", "short", "rhymed list", "bullets"}


def test_half_of_what_is_drawn_is_a_conversation(drawn):
    turns = [sum(message["role"] == "user" for message in sample.messages) for sample in drawn]
    assert 0.4 < sum(count > 1 for count in turns) / len(turns) < 0.7


def test_nobody_is_told_before_that_he_has_not_told(drawn):
    """A conversation that says "not told" must not hold the answer."""
    asked = [sample for sample in drawn if sample.answer()["content"] == NOT_TOLD]
    assert len(asked) > 100
    for sample in asked:
        fact = next(fact for fact in FACTS.values() if sample.question().lower().rstrip("?") in casual(fact.ask))
        told = re.compile(re.escape(fact.reply).replace("A\\ ", "An?\\ ").replace("a\\ ", "an?\\ ").replace(r"\{\}", ".+"), re.IGNORECASE)
        assert not [message for message in sample.messages if told.fullmatch(message["content"])]


def test_the_sum_of_two_numbers_is_held_out_both_ways_round():
    keys = {}
    rng = random.Random(SEED)
    for _ in range(3000):
        sample = named("sums").make(rng)
        a, sign, b = sample.answer()["content"].split()[:3]
        if sign == "+":
            keys.setdefault(frozenset((a, b)), set()).add(sample.key)
    assert all(len(found) == 1 for found in keys.values())


def test_words_to_sort_are_held_out_in_any_capitals_and_order(monkeypatch):
    keys = set()
    for chosen in (["Pear", "apple", "fig"], ["fig", "Apple", "pear"]):
        monkeypatch.setattr(letters, "_different_words", lambda rng, count: chosen)
        keys.add(named("sort words").make(random.Random(SEED)).key)
    assert len({normal(key) for key in keys}) == 1


def test_a_question_is_answered_even_in_short():
    """Only what is told is noted."""
    questions = {ask for fact in FACTS.values() for ask in fact.ask}
    rng = random.Random(SEED)
    answers = [answer["content"] for _ in range(2000) for sample in [named("short").make(rng)]
               for asked, answer in zip(sample.messages, sample.messages[1:]) if asked["content"] in questions]
    assert len(answers) > 200 and "Noted" not in answers


def test_what_was_just_told_is_asked_for(drawn):
    """Else "not told" would be the answer to any question that comes early."""
    questions = {ask for fact in FACTS.values() for ask in fact.ask}
    answers = [sample.answer()["content"] for sample in drawn
               if [message["role"] for message in sample.messages] == ["user", "assistant"] * 2 and sample.question() in questions]
    assert len(answers) > 100 and sum(answer == NOT_TOLD for answer in answers) < len(answers) / 2


def test_what_people_say_most_is_trained_on():
    rng = random.Random(SEED)
    samples = [named("small talk").make(rng) for _ in range(2000)]
    assert all(sample.trainable() for sample in samples if normal(sample.question()) in ("bye", "good night", "thanks"))


def solved(sample):
    """What each answer of a conversation answers: the system prompt and the question, and what tools said."""
    told = sample.messages[0]["content"] if sample.messages[0]["role"] == "system" else ""
    asked = ""
    for message in sample.messages:
        if message["role"] == "user":
            asked = normal(message["content"])
        elif message["role"] == "tool":
            asked += " " + normal(message["content"])
        elif message["role"] == "assistant" and not message.get("tool_calls"):
            yield normal(told), asked


@pytest.mark.parametrize("name", ["style", "short", "use a result"])
def test_what_is_held_out_is_not_trained_on_as_an_earlier_turn(name):
    rng = random.Random(SEED)
    drawn = [sample for sample in (named(name).make(rng) for _ in range(20_000)) if sample.trainable()]
    if name == "use a result":  # its polite beginnings and its system prompt are no part of it
        def last(pair):
            return impolite(pair[1])
    else:
        def last(pair):
            return pair
    trained = {last(pair) for sample in drawn for pair in solved(sample)}
    assert not [sample for sample in held_out(named(name), 300, SEED) if last(list(solved(sample))[-1]) in trained]


def test_an_answer_whose_thought_is_gone_is_not_learned(drawn, renderer):
    for sample in [sample for sample in drawn if sample.thinking][:500]:
        roles = [role for _, role in renderer.pieces(sample)]
        learned = [at for at, role in enumerate(roles) if role == SAID]
        assert renderer.pieces(sample)[learned[0] - 1] == ("<think>\n", GIVEN)
        assert learned == list(range(learned[0], learned[-1] + 1))


def test_judges_refuse_near_misses():
    def accepted(name, wrong):
        return [sample for sample in held_out(named(name), 40, SEED) if sample.accepts(wrong(plain(sample.answer()["content"])))]
    assert not accepted("reverse a word", lambda text: text.split()[-1][0] + text.split()[-1])
    assert not accepted("count words", lambda text: re.sub(r"(\d+) words", r"1\1 words", text))
    assert not accepted("bullets", lambda text: text + "\n- more")
    assert not accepted("rhymed list", lambda text: "\n".join([text.splitlines()[0]] * len(text.splitlines())))


def test_the_hero_of_a_story_is_a_she_or_a_he_to_the_end():
    rng, turned = random.Random(SEED), {"he": "she", "she": "he", "He": "She", "She": "He"}
    for _ in range(500):
        sample = named("story").make(rng)
        text = sample.answer()["content"]
        wrong = re.sub(r"\b([hH]e|[sS]he)\b", lambda found: turned[found[0]], text)
        assert sample.accepts(text)
        assert wrong == text or not sample.accepts(wrong)


def test_lists_of_every_kind_are_sorted():
    rng = random.Random(SEED)
    lists = [re.findall(r"\d+", named("sort numbers").make(rng).question()) for _ in range(2000)]
    assert sum(all(len(number) == 1 for number in numbers) for numbers in lists) > 300
    assert sum(len(set(numbers)) < len(numbers) for numbers in lists) > 150
    assert {len(numbers) for numbers in lists} == {3, 4, 5, 6, 7}


def test_values_of_several_words_and_with_digits_are_remembered():
    rng = random.Random(SEED)
    samples = [named("told something").make(rng) for _ in range(2000)]
    told = [sample.question() for sample in samples]
    assert sum(bool(re.search(r"name is [A-Z]\w+[ -][A-Z]", text)) for text in told) > 10
    assert sum(bool(re.search(r"password is \w+\d", text)) for text in told) > 5
    assert all(sample.accepts(sample.answer()["content"]) for sample in samples)


@pytest.mark.parametrize("name", ["told something", "recall", "JSON", "choose a tool", "use a result", "story"])
def test_an_article_fits_its_word(name, renderer):
    rng = random.Random(SEED)
    texts = "".join(renderer.whole(named(name).make(rng)) for _ in range(2000))
    assert not re.findall(r"\b[Aa] (?:apple|owl|egg|orange|onion|olive|umbrella|island)\b", texts)


def test_held_out_prompts_differ():
    for skill in SKILLS:
        prompts = [str(sample.prompt()) for sample in held_out(skill, 60, SEED)]
        assert len(set(prompts)) == len(prompts) >= 50


@pytest.mark.parametrize("thinking", [False, True])
@pytest.mark.parametrize("skill", SKILLS, ids=lambda skill: skill.name)
def test_a_judge_takes_the_right_answer_and_no_other(skill, thinking, renderer):
    samples = held_out(skill, 40, SEED, thinking)
    assert all(sample.accepts(said(renderer, sample)) for sample in samples)
    for wrong in ("", "Perhaps, who can say?"):
        assert not any(sample.accepts("Hm.\n</think>\n" * thinking + wrong) for sample in samples)


def test_an_answer_that_was_not_thought_over_is_wrong_where_it_should_have_been():
    plain_one, thought = (held_out(named("sums"), 1, SEED, thinking)[0] for thinking in (False, True))
    right = plain_one.answer()["content"]
    assert plain_one.accepts(right) and not thought.accepts(right)
    assert thought.accepts("Easy.\n</think>\n" + right) and not plain_one.accepts("Easy.\n</think>\n" + right)


def test_pieces_are_the_whole_and_answers_are_to_be_said(drawn, renderer):
    for sample in drawn[:500]:
        pieces = renderer.pieces(sample)
        assert plain("".join(text for text, _ in pieces)) == renderer.whole(sample) + "<|endoftext|>"
        heard = "".join(text for text, role in pieces if role == HEARD)
        assert plain(sample.answer()["content"]) == "" or said(renderer, sample) not in heard.split("assistant\n")[-1]
