#include "cli/bench/load_point.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace parallm::bench {

namespace {

using Streams = std::vector<CompletionStream>;

// Guessed: of fewer pieces a stream no rate is told.
constexpr int kSteadyPieces = 4;

bool is_whole(const CompletionStream& stream) {
  return stream.error.empty();
}

bool is_whole_and_counted(const CompletionStream& stream) {
  return is_whole(stream) && stream.usage.has_value();
}

double first_s(const CompletionStream& stream) {
  return stream.piece_times_s.front();
}

double last_s(const CompletionStream& stream) {
  return stream.piece_times_s.back();
}

int pieces_of(const CompletionStream& stream) {
  return int(stream.piece_times_s.size());
}

template <class Count>
int sum(const Streams& streams, Count count) {
  return std::accumulate(
      streams.begin(), streams.end(), 0,
      [&](int sum, const CompletionStream& stream) {
        return sum + std::invoke(count, stream);
      });
}

Streams whole_ones(Streams streams) {
  std::erase_if(streams, std::not_fn(is_whole));
  return streams;
}

// sorted: not empty
double percentile(const std::vector<double>& sorted, double part) {
  const double place = part * double(sorted.size() - 1);
  const auto low = static_cast<size_t>(place);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return std::lerp(sorted[low], sorted[high], place - double(low));
}

std::optional<Spread> spread_of(std::vector<double> values) {
  if (values.empty()) {
    return std::nullopt;
  }
  std::ranges::sort(values);
  return Spread{percentile(values, 0.5), percentile(values, 0.99)};
}

std::vector<double> first_waits_ms(const Streams& streams) {
  std::vector<double> waits_ms;
  for (const CompletionStream& stream : streams) {
    waits_ms.push_back(1e3 * (first_s(stream) - stream.sent_s));
  }
  return waits_ms;
}

std::vector<double> later_waits_ms(const Streams& streams) {
  std::vector<double> waits_ms;
  for (const CompletionStream& stream : streams) {
    const auto& times_s = stream.piece_times_s;
    for (size_t i = 1; i < times_s.size(); ++i) {
      waits_ms.push_back(1e3 * (times_s[i] - times_s[i - 1]));
    }
  }
  return waits_ms;
}

int pieces_within(const Streams& streams, double after_s, double until_s) {
  return sum(streams, [&](const CompletionStream& stream) {
    return int(std::ranges::count_if(stream.piece_times_s, [&](double at_s) {
      return at_s > after_s && at_s <= until_s;
    }));
  });
}

// Rates of the first round; all of its streams are whole and counted.
void add_rates(const Streams& round, double start_s, LoadPoint& point) {
  const double ready_s = first_s(*std::ranges::max_element(round, {}, first_s));
  const double done_s = last_s(*std::ranges::min_element(round, {}, last_s));
  point.prefill_tok_s =
      sum(round, &CompletionStream::prompt_tokens) / (ready_s - start_s);
  const int pieces = pieces_within(round, ready_s, done_s);
  if (done_s > ready_s && pieces >= kSteadyPieces * int(round.size())) {
    const double tokens_a_piece =
        double(sum(round, &CompletionStream::output_tokens)) /
        sum(round, pieces_of);
    point.decode_tok_s = pieces * tokens_a_piece / (done_s - ready_s);
  }
}

void add_failures(const Streams& streams, LoadPoint& point) {
  const auto first = std::ranges::find_if_not(streams, is_whole);
  point.first_error = first == streams.end() ? "" : first->error;
  point.errors = point.requests - int(std::ranges::count_if(streams, is_whole));
}

} // namespace

LoadPoint summary(const Load& load, const Streams& streams) {
  LoadPoint point{
      .concurrency = load.concurrency,
      .requests = int(streams.size()),
      .wall_s = load.end_s - load.start_s};
  add_failures(streams, point);
  const Streams whole = whole_ones(streams);
  point.short_answers = sum(whole, [&](const CompletionStream& stream) {
    return int(stream.output_tokens() < load.output_tokens);
  });
  point.prompt_tokens = sum(whole, &CompletionStream::prompt_tokens);
  point.output_tokens = sum(whole, &CompletionStream::output_tokens);
  point.pieces = sum(whole, pieces_of);
  point.output_tok_s = point.output_tokens / point.wall_s;
  point.ttft_ms = spread_of(first_waits_ms(whole));
  point.itl_ms = spread_of(later_waits_ms(whole));
  const Streams round{
      streams.begin(),
      streams.begin() + std::min(load.concurrency, point.requests)};
  if (!round.empty() && std::ranges::all_of(round, is_whole_and_counted)) {
    add_rates(round, load.start_s, point);
  }
  return point;
}

} // namespace parallm::bench
