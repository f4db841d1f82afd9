#include "cli/bench/completion_stream.h"

#include <string_view>

#include "cli/bench/json_at.h"
#include "cli/bench/refusal.h"

namespace parallm::bench {

namespace {

constexpr std::string_view kEnd = "[DONE]";

int count_at(const json::value& event, std::string_view pointer) {
  const auto* count = json_at(event, pointer);
  return count != nullptr && count->is_int64() ? int(count->get_int64()) : 0;
}

std::optional<TokenUsage> usage_in(const json::value& event) {
  const TokenUsage usage{
      .prompt_tokens = count_at(event, "/usage/prompt_tokens"),
      .output_tokens = count_at(event, "/usage/completion_tokens")};
  return usage.output_tokens > 0 ? std::optional(usage) : std::nullopt;
}

bool has_error(const json::value& event) {
  const auto* error = json_at(event, "/error");
  return error != nullptr && !error->is_null();
}

void take_event(
    const std::string& data, double at_s, CompletionStream& stream) {
  const auto event = parse_json(data);
  if (!event || has_error(event.value())) {
    stream.error = error_text(data);
    return;
  }
  if (const auto usage = usage_in(event.value())) {
    stream.usage = usage;
  }
  if (!text_at(event.value(), "/choices/0/text").empty()) {
    stream.piece_times_s.push_back(at_s);
  }
}

// The data of a line of server-sent events, or nothing.
std::optional<std::string_view> data_of(std::string_view line) {
  constexpr std::string_view kData = "data:";
  if (!line.starts_with(kData)) {
    return std::nullopt; // empty, or a comment that keeps the line alive
  }
  const size_t first = line.find_first_not_of(' ', kData.size());
  const size_t last = line.find_last_not_of(" \r");
  return first == line.npos ? "" : line.substr(first, last - first + 1);
}

// A line came when its end did. Whether the stream came to its end.
bool take_lines(const http::Answer& answer, CompletionStream& stream) {
  const std::string_view body = answer.body;
  auto arrival = answer.arrivals.begin();
  size_t begin = 0;
  for (size_t end = 0; (end = body.find('\n', begin)) != body.npos;
       begin = end + 1) {
    while (arrival->body_bytes <= end) {
      ++arrival;
    }
    const auto data = data_of(body.substr(begin, end - begin));
    if (data == kEnd) {
      return true;
    }
    if (data) {
      take_event(std::string(*data), arrival->at_s, stream);
    }
  }
  return false;
}

} // namespace

CompletionStream read_stream(const http::Answer& answer) {
  CompletionStream stream{.sent_s = answer.sent_s, .error = refusal_of(answer)};
  if (!stream.error.empty()) {
    return stream;
  }
  const bool whole = take_lines(answer, stream);
  if (stream.error.empty() && !whole) {
    stream.error = "the stream ended without [DONE]";
  } else if (stream.error.empty() && stream.piece_times_s.empty()) {
    stream.error = "an answer without text";
  }
  return stream;
}

} // namespace parallm::bench
