"""The shipped adapters, each served: every skill is still there, said in its way."""
import concurrent.futures

import pytest

from builtin_models.behaviours import BEHAVIOURS, right, shown, speaks
from builtin_models.corpus import WAYS, held_out
from builtin_models.evaluate import Served
from builtin_models.skills import SKILLS
from conftest import BUILTIN, ROOT, Server

SEED = 6  # others look at other prompts
PROMPTS = 1  # of each skill in each way; the model card's figures are of 4


@pytest.fixture(scope="module", params=BEHAVIOURS.values(), ids=BEHAVIOURS)
def told(request):
    """(behaviour, [(sample, text)]): a prompt of each skill, in each way."""
    behaviour = request.param
    adapter = ROOT / "models" / behaviour.name
    running = Server("--lora-path", str(adapter), model=BUILTIN)
    served = Served(running.base_url)
    samples = [sample for way in WAYS.values() for skill in SKILLS
               for sample in held_out(skill, PROMPTS, SEED, **way)]
    with concurrent.futures.ThreadPoolExecutor(len(samples)) as pool:
        texts = list(pool.map(served.ask, samples))
    yield behaviour, list(zip(samples, texts))
    assert running.stop() == 0


def test_words_are_said_in_its_way_and_calls_are_left_alone(told):
    behaviour, answers = told
    wrong = [(sample.question(), text) for sample, text in answers
             if shown(behaviour, text) != speaks(sample)]
    print(f"{behaviour.name}: {len(wrong)} of {len(answers)} are not in its way")  # for the card
    assert len(wrong) <= 0.03 * len(answers), wrong


def test_what_is_said_stays_right(told):
    behaviour, answers = told
    wrong = [(sample.question(), text) for sample, text in answers
             if not right(behaviour, sample, text)]
    print(f"{behaviour.name}: {len(wrong)} of {len(answers)} are wrong")
    assert len(wrong) <= 0.07 * len(answers), wrong
