"""parallm bench: against the real server, and against one that only talks."""
import http.server
import json
import re
import threading
import xml.etree.ElementTree

import pytest

from conftest import Server
from test_cli import run

SVG = "{http://www.w3.org/2000/svg}"


def bench(url, *flags):
    """-> (exit code, standard output, standard error)"""
    return run("bench", "--url", url, "--prompt-tokens", 24,
               "--output-tokens", 32, *flags)


@pytest.fixture(scope="module")
def curve(builtin, tmp_path_factory):
    """-> (what was printed, the JSON, the SVG) of three points"""
    folder = tmp_path_factory.mktemp("bench")
    code, text, progress = bench(
        builtin.base_url, "--concurrency", "4,1,2,4", "--rounds", 2, "--seed",
        7, "--json", folder / "curve.json", "--plot", folder / "curve.svg")
    assert code == 0, progress
    return (text, json.loads((folder / "curve.json").read_text()),
            xml.etree.ElementTree.parse(folder / "curve.svg").getroot())


def test_the_json_says_what_was_asked(curve):
    asked = {key: value for key, value in curve[1].items() if key != "points"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", asked.pop("version"))
    assert asked.pop("url").startswith("http://127.0.0.1:")
    assert asked == {"model": "parallm-tiny", "prompt_tokens": 24,
                     "shared_tokens": 0, "output_tokens": 32, "rounds": 2,
                     "seed": 7}


def test_each_point_has_the_tokens_that_were_asked_for(curve):
    points = curve[1]["points"]
    assert [point["concurrency"] for point in points] == [1, 2, 4]
    for point in points:
        assert point["requests"] == 2 * point["concurrency"]
        assert point["output_tokens"] == 32 * point["requests"]
        assert point["prompt_tokens"] == pytest.approx(
            24 * point["requests"], rel=0.2)
        assert (point["errors"], point["first_error"]) == (0, None)
        assert point["short_answers"] == 0


def test_times_are_those_of_pieces_that_came_one_by_one(curve):
    for point in curve[1]["points"]:
        assert point["requests"] < point["pieces"]
        assert point["pieces"] <= point["output_tokens"]
        assert 0 < point["itl_ms"]["p50"] <= point["itl_ms"]["p99"]
        assert point["ttft_ms"]["p50"] <= point["ttft_ms"]["p99"]
        assert point["ttft_ms"]["p99"] < 1e3 * point["wall_s"]
        assert point["output_tok_s"] == pytest.approx(
            point["output_tokens"] / point["wall_s"])


def test_the_table_has_a_line_for_each_point(curve):
    lines = curve[0].splitlines()
    assert len(lines) == 2 + 3
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "4"]
    assert {line.split()[-1] for line in lines[2:]} == {"0"}


def test_the_plot_shows_each_figure_within_its_frame(curve):
    root = curve[2]
    width, height = float(root.get("width")), float(root.get("height"))
    lines = root.findall(SVG + "polyline")
    assert len(lines) == 6
    for line in lines:
        corners = [tuple(map(float, corner.split(",")))
                   for corner in line.get("points").split()]
        assert len(corners) == 3
        assert corners == sorted(corners)  # to the right
        assert all(0 < x < width and 0 < y < height for x, y in corners)
    words = [text.text for text in root.iter(SVG + "text")]
    assert {"parallm-tiny", "tokens/s", "ms", "output", "decode",
            "first token, p50", "inter-token, p99"} <= {*words}


def test_requests_that_are_refused_are_counted_and_shown(tmp_path):
    server = Server("--max-batch-size", "1", "--max-queue", "1")
    file = tmp_path / "curve.json"
    code, text, progress = run(
        "bench", "--url", server.base_url, "--concurrency", 16,
        "--output-tokens", 900, "--prompt-tokens", 24, "--json", file)
    [point] = json.loads(file.read_text())["points"]
    assert code == 69
    assert 0 < point["errors"] < point["requests"] == 16
    assert point["output_tokens"] == 900 * (16 - point["errors"])
    assert point["first_error"].startswith("429: ")
    assert point["first_error"] in progress
    assert f"{point['errors']} of 16 requests failed" in progress
    assert text.splitlines()[-1].split()[-1] == str(point["errors"])
    assert server.stop() == 0


@pytest.mark.parametrize("flags, code, complaint", [
    (["--url", "http://127.0.0.1:1"], 69,
     "http://127.0.0.1:1: Connection refused; start a server there"),
    (["--url", "https://127.0.0.1"], 64, "expected http://HOST:PORT"),
    (["--concurrency", "2,0"], 64, "--concurrency: Value 0 not in range"),
    (["--shared-tokens", "128"], 64, "expected fewer than --prompt-tokens"),
    (["--concurrency", "2,4096", "--rounds", "5"], 64,
     "--rounds 5: expected 1 to 4 with --concurrency 4096"),
    (["--json", "curve", "--plot", "./data/../curve"], 64,
     "--plot ./data/../curve: expected another file than that of --json"),
    (["--port", "8000"], 64, "--port")])
def test_what_cannot_be_done_is_told(flags, code, complaint):
    ended = run("bench", *flags)
    assert ended[:2] == (code, "")
    assert ended[2].startswith("parallm: ")
    assert complaint in ended[2]


@pytest.mark.parametrize("flags, code, complaint", [
    (["--model", "other"], 69, "/v1/completions: 404: 'model': got"),
    (["--prompt-tokens", "99999"], 69, "/v1/completions: 400: 'prompt': "),
    (["--json", "no/where"], 77, "no/where: cannot be written")])
def test_what_the_server_says_first_ends_it(server, flags, code, complaint):
    ended = run("bench", "--url", server.base_url, *flags)
    assert ended[:2] == (code, "")
    assert complaint in ended[2]


class Talker(http.server.BaseHTTPRequestHandler):
    """Sends the events of its server, whatever is asked, and notes that."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer("application/json", '{"data": [{"id": "talker"}]}')

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.server.asked.append(
            (self.path, json.loads(self.rfile.read(length))))
        self.answer("text/event-stream", "".join(
            f"data: {event if isinstance(event, str) else json.dumps(event)}"
            "\n\n" for event in self.server.events))

    def answer(self, kind, text):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def talker():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Talker)
    server.request_queue_size = 64
    server.asked = []
    server.events = [
        {"choices": [{"text": "word"}]}, {"choices": [{"text": "s"}]},
        {"choices": [], "usage": {"prompt_tokens": 48,
                                  "completion_tokens": 32}}, "[DONE]"]
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def prompts_of(talker):
    return [body["prompt"].split() for _, body in talker.asked]


def test_one_of_a_thing_is_told_as_one(talker):
    talker.events[2]["usage"]["completion_tokens"] = 31
    progress = bench(talker.url, "--concurrency", "1,2")[2]
    assert "1 stream, 1 request: " in progress
    assert "1 answer ended early: " in progress
    assert "2 streams, 2 requests: " in progress


def test_requests_ask_for_answers_of_full_length(talker):
    assert bench(talker.url + "/v1/", "--concurrency", "2")[0] == 0
    assert {path for path, _ in talker.asked} == {"/v1/completions"}
    for _, body in talker.asked:
        assert isinstance(body.pop("prompt"), str)
        assert body == {"model": "talker", "max_tokens": 32, "temperature": 0,
                        "ignore_eos": True, "stream": True,
                        "stream_options": {"include_usage": True}}


def test_the_first_request_tells_how_many_words_are_so_many_tokens(talker):
    assert bench(talker.url, "--concurrency", "1,2")[0] == 0
    assert [len(words) for words in prompts_of(talker)] == [24, 12, 12, 12]


def test_no_two_prompts_begin_alike_unless_asked_to(talker):
    assert bench(talker.url, "--concurrency", "1,8", "--rounds", 2)[0] == 0
    starts = {tuple(words[:6]) for words in prompts_of(talker)}
    assert len(starts) == 1 + 2 + 16
    talker.asked.clear()
    assert bench(talker.url, "--concurrency", "8", "--shared-tokens", 12)[0] \
        == 0
    _, *prompts = prompts_of(talker)
    assert len({tuple(words[:6]) for words in prompts}) == 1
    assert len({tuple(words[6:]) for words in prompts}) == 8


def test_prompts_are_others_each_time_unless_there_is_a_seed(talker):
    def asked(*flags):
        talker.asked.clear()
        assert bench(talker.url, "--concurrency", "1", *flags)[0] == 0
        return prompts_of(talker)

    assert asked() != asked()
    assert asked("--seed", 3) == asked("--seed", 3) != asked("--seed", 4)


def test_answers_that_end_early_are_told(talker):
    talker.events[2]["usage"]["completion_tokens"] = 31
    code, _, progress = bench(talker.url, "--concurrency", "3")
    assert code == 0
    assert "3 answers ended early" in progress


def test_a_server_that_does_not_count_is_thought_to_send_a_token_a_piece(
        talker, tmp_path):
    del talker.events[2]
    file = tmp_path / "curve.json"
    assert bench(talker.url, "--concurrency", "3", "--json", file)[0] == 0
    [point] = json.loads(file.read_text())["points"]
    assert (point["output_tokens"], point["prompt_tokens"]) == (6, 0)
    assert point["decode_tok_s"] is point["prefill_tok_s"] is None


@pytest.mark.parametrize("events, complaint", [
    ([{"choices": [{"text": "a"}]}], "the stream ended without [DONE]"),
    ([{"error": {"message": "out of luck"}}, "[DONE]"], "out of luck"),
    ([{"choices": [{"text": ""}]}, "[DONE]"], "an answer without text"),
    (["no JSON", "[DONE]"], "no JSON")])
def test_a_stream_that_fails_is_told(talker, events, complaint):
    talker.events = events
    code, _, text = bench(talker.url)
    assert code == 69
    assert text.endswith(f"{talker.url}: {complaint}\n")
