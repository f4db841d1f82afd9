#include "cli/bench/json.h"

#include "api/json_writer.h"
#include "base/version.h"

namespace parallm::bench {

namespace {

void write(JsonWriter& writer, const std::optional<double>& value) {
  value ? writer.number(*value) : writer.null();
}

void write(JsonWriter& writer, const std::optional<Spread>& value) {
  if (!value) {
    writer.null();
    return;
  }
  writer.object().key("p50").number(value->p50);
  writer.key("p99").number(value->p99).end_object();
}

void write(JsonWriter& writer, const LoadPoint& point) {
  writer.object().key("concurrency").integer(point.concurrency);
  writer.key("requests").integer(point.requests);
  writer.key("errors").integer(point.errors);
  writer.key("first_error").text_or_null(point.first_error);
  writer.key("short_answers").integer(point.short_answers);
  writer.key("wall_s").number(point.wall_s);
  writer.key("prompt_tokens").integer(point.prompt_tokens);
  writer.key("output_tokens").integer(point.output_tokens);
  writer.key("pieces").integer(point.pieces);
  writer.key("output_tok_s").number(point.output_tok_s);
  write(writer.key("decode_tok_s"), point.decode_tok_s);
  write(writer.key("prefill_tok_s"), point.prefill_tok_s);
  write(writer.key("ttft_ms"), point.ttft_ms);
  write(writer.key("itl_ms"), point.itl_ms);
  writer.end_object();
}

} // namespace

std::string json_of(
    const Options& options, const std::vector<LoadPoint>& points) {
  std::string out;
  JsonWriter writer(out);
  writer.object().key("version").text(kVersion);
  writer.key("url").text(options.server.url());
  writer.key("model").text(options.model);
  writer.key("prompt_tokens").integer(options.prompt_tokens);
  writer.key("shared_tokens").integer(options.shared_tokens);
  writer.key("output_tokens").integer(options.output_tokens);
  writer.key("rounds").integer(options.rounds);
  writer.key("seed").integer(options.seed);
  writer.key("points").array();
  for (const LoadPoint& point : points) {
    write(writer, point);
  }
  writer.end_array().end_object();
  return out + "\n";
}

} // namespace parallm::bench
