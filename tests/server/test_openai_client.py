"""The official client against both endpoints, streaming and not."""
import openai
import pytest


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=server.base_url + "/v1", api_key="unused",
                         max_retries=0)


MESSAGES = [{"role": "user", "content": "tell me a story"}]


def test_lists_models(client):
    ids = [model.id for model in client.models.list()]
    assert ids == ["tiny-chat"]
    assert client.models.retrieve("tiny-chat").object == "model"


def test_chat(client):
    answer = client.chat.completions.create(
        model="tiny-chat", messages=MESSAGES, max_tokens=12, temperature=0)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == \
        answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_chat_stream_equals_the_whole_answer(client):
    fields = dict(model="tiny-chat", messages=MESSAGES, max_tokens=24,
                  temperature=1.3, seed=7)
    whole = client.chat.completions.create(**fields)
    chunks = list(client.chat.completions.create(
        **fields, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(c.choices[0].delta.content or "" for c in chunks
                   if c.choices)
    assert text == whole.choices[0].message.content
    ends = [c.choices[0].finish_reason for c in chunks if c.choices]
    assert ends[-1] == whole.choices[0].finish_reason
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage


def test_chat_stream_of_three_choices(client):
    chunks = list(client.chat.completions.create(
        model="tiny-chat", messages=MESSAGES, max_tokens=8, n=3, seed=1,
        stream=True))
    ends = [c.choices[0].index for c in chunks if c.choices[0].finish_reason]
    assert sorted(ends) == [0, 1, 2]


def test_chat_logprobs_join_to_the_content(client):
    answer = client.chat.completions.create(
        model="tiny-chat", messages=MESSAGES, max_tokens=16, seed=3,
        logprobs=True, top_logprobs=5)
    entries = answer.choices[0].logprobs.content
    joined = b"".join(bytes(entry.bytes) for entry in entries)
    assert joined.decode(errors="replace") == answer.choices[0].message.content
    assert all(len(entry.top_logprobs) == 5 for entry in entries)


def test_completion(client):
    answer = client.completions.create(
        model="tiny-chat", prompt="once upon", max_tokens=8, temperature=0,
        logprobs=2, extra_body={"ignore_eos": True})
    assert answer.object == "text_completion"
    assert len(answer.choices[0].logprobs.tokens) == 8
    assert answer.usage.completion_tokens == 8


def test_completion_stream_equals_the_whole_answer(client):
    fields = dict(model="tiny-chat", prompt=["once", "twice"], max_tokens=16,
                  seed=11, n=2)
    whole = client.completions.create(**fields)
    texts = [""] * 4
    for chunk in client.completions.create(**fields, stream=True):
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == [choice.text for choice in whole.choices]


def test_refusals_are_the_client_s_typed_errors(client):
    with pytest.raises(openai.NotFoundError) as missing:
        client.completions.create(model="absent", prompt="x")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        client.completions.create(model="tiny-chat", prompt="x",
                                  max_tokens=-1)
    assert wrong.value.param == "max_tokens"
    with pytest.raises(openai.BadRequestError) as later:
        client.chat.completions.create(
            model="tiny-chat", messages=MESSAGES,
            tools=[{"type": "function", "function": {"name": "f"}}])
    assert later.value.code == "unsupported_parameter"
    assert later.value.param == "tools"
