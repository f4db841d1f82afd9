#include "runtime/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace parallm {

namespace {

using Lines = std::vector<ReportLine>;

// "8.4 M"
std::string in_short(size_t count) {
  const auto n = static_cast<double>(count);
  return n >= 1e9   ? fmt::format("{:.1f} B", n / 1e9)
         : n >= 1e6 ? fmt::format("{:.1f} M", n / 1e6)
                    : fmt::format("{}", count);
}

// "8.5 MiB"
std::string in_bytes(size_t count) {
  const auto n = static_cast<double>(count);
  return n >= (1 << 30)   ? fmt::format("{:.1f} GiB", n / (1 << 30))
         : n >= (1 << 20) ? fmt::format("{:.1f} MiB", n / (1 << 20))
         : n >= (1 << 10) ? fmt::format("{:.1f} KiB", n / (1 << 10))
                          : fmt::format("{} B", count);
}

std::string if_any(const std::string& text) {
  return text.empty() ? text : ", " + text;
}

void add_all(
    Lines& lines,
    const std::string& name,
    const std::vector<std::string>& texts) {
  for (const auto& text : texts) {
    lines.push_back({name, text});
  }
}

int64_t tokens_of(const LoadedGeometry& geometry) {
  return int64_t{geometry.blocks} * geometry.block_tokens;
}

std::string kv_text(const CheckpointSummary& checkpoint) {
  const size_t kv = checkpoint.memory.kv;
  if (kv == 0) {
    return "none";
  }
  const auto tokens = static_cast<size_t>(tokens_of(checkpoint.geometry));
  return fmt::format(
      "{}: {} tokens of {}", in_bytes(kv), tokens, in_bytes(kv / tokens));
}

// The largest batches of the longest sequences, and of the most. Sequences hold
// whole blocks.
std::string room_text(const LoadedGeometry& geometry, int max_sequences) {
  const int each = (geometry.max_positions + geometry.block_tokens - 1) /
                   geometry.block_tokens;
  const int longest = std::min(max_sequences, geometry.blocks / each);
  const int short_ones = std::min(max_sequences, geometry.blocks);
  const auto text = fmt::format(
      "{} sequence{} of {} tokens", longest, longest == 1 ? "" : "s",
      geometry.max_positions);
  return longest == max_sequences
             ? text
             : fmt::format(
                   "{}, or {} of {}", text, short_ones,
                   geometry.blocks / short_ones * geometry.block_tokens);
}

std::string context_text(int positions, int of_the_model) {
  return positions == of_the_model
             ? fmt::format("{} tokens", positions)
             : fmt::format(
                   "{} tokens of the {} that it was made for", positions,
                   of_the_model);
}

void add_memory(Lines& lines, const CheckpointSummary& checkpoint) {
  const MemoryPlan& memory = checkpoint.memory;
  lines.push_back({"memory", in_bytes(memory.total()) + " in all"});
  lines.push_back({"  weights", in_bytes(memory.weights)});
  lines.push_back({"  keys and values", kv_text(checkpoint)});
  if (memory.states > 0) {
    lines.push_back({"  states", in_bytes(memory.states)});
  }
  lines.push_back({"  working memory", in_bytes(memory.working)});
  lines.push_back({"  answers", "at most " + in_bytes(memory.answers)});
  lines.push_back({"  heap", in_bytes(memory.heap)});
}

std::string tokenizer_text(const Tokenizer& tokenizer, int vocab) {
  const auto text = fmt::format("{} tokens", tokenizer.vocab());
  return tokenizer.vocab() <= vocab
             ? text
             : fmt::format(
                   "{}; the model knows {}, and prompts with the others are "
                   "refused",
                   text, vocab);
}

std::string token_text(const Tokenizer& tokenizer, TokenId id) {
  return id < tokenizer.vocab()
             ? fmt::format("{} ({})", id, tokenizer.piece(id))
             : fmt::format("{}", id);
}

std::string ends_text(
    const CheckpointSummary& checkpoint, const Tokenizer& tokenizer) {
  std::vector<TokenId> ids = checkpoint.end_tokens;
  if (ids.empty() && tokenizer.eos()) {
    ids = {*tokenizer.eos()};
  }
  std::vector<std::string> texts;
  for (const TokenId id : ids) {
    texts.push_back(token_text(tokenizer, id));
  }
  return texts.empty() ? "none: only max_tokens and stop end an answer"
                       : fmt::format("{}", fmt::join(texts, ", "));
}

std::string template_text(
    const ServerConfig& config, const ChatTemplate* chat_template) {
  if (!chat_template) {
    return "none: chat is refused; --chat-template FILE gives one";
  }
  return config.model.chat_template_file.empty()
             ? "of the checkpoint"
             : config.model.chat_template_file;
}

} // namespace

std::vector<ReportLine> model_report(
    const ServerConfig& config, const CheckpointSummary& checkpoint) {
  const ModelCard card = model_card(config, checkpoint);
  Lines lines = {
      {"model", fmt::format(
                    "{} ({}, {} layers{}{})", card.id, checkpoint.model_type,
                    checkpoint.layers, if_any(checkpoint.quantization),
                    if_any(checkpoint.adapter))},
      {"parameters", in_short(checkpoint.parameters)}};
  lines.insert(
      lines.end(), checkpoint.architecture.begin(),
      checkpoint.architecture.end());
  add_all(lines, "weights", checkpoint.weights);
  add_all(lines, "left out", checkpoint.left_out);
  lines.push_back({"numerics", card.numerics});
  return lines;
}

std::vector<ReportLine> plan_report(
    const ServerConfig& config, const CheckpointSummary& checkpoint) {
  const auto& geometry = checkpoint.geometry;
  Lines lines = {
      {"context",
       context_text(geometry.max_positions, checkpoint.checkpoint_positions)}};
  add_memory(lines, checkpoint);
  lines.push_back(
      {"room",
       room_text(
           geometry, engine_options(config, checkpoint).limits.max_sequences)});
  return lines;
}

std::vector<ReportLine> text_report(
    const ServerConfig& config,
    const CheckpointSummary& checkpoint,
    const Tokenizer& tokenizer,
    const ChatTemplate* chat_template) {
  return {
      {"tokenizer", tokenizer_text(tokenizer, checkpoint.geometry.vocab)},
      {"end tokens", ends_text(checkpoint, tokenizer)},
      {"chat template", template_text(config, chat_template)}};
}

std::string resolved_text(
    const ServerConfig& config,
    const CheckpointSummary& checkpoint,
    const Machine& machine) {
  const auto number = [](auto value) { return fmt::format("{}", value); };
  const EngineOptions engine = engine_options(config, checkpoint);
  const DeliveryLimits delivery = delivery_limits(config, checkpoint, machine);
  Lines lines = model_report(config, checkpoint);
  const Lines plan = plan_report(config, checkpoint);
  lines.insert(lines.end(), plan.begin(), plan.end());
  const Lines limits = {
      {"max_batch_size", number(engine.limits.max_sequences)},
      {"max_batch_tokens", number(engine.limits.max_step_tokens)},
      {"max_queue_tokens", number(delivery.max_queue_tokens)},
      {"io_shards", number(server_options(config, machine).shards)},
      {"text_threads", number(text_threads(config, machine))},
      {"threads", number(kernel_threads(config, machine))}};
  lines.insert(lines.end(), limits.begin(), limits.end());
  return "# Resolved for this checkpoint and machine:\n" +
         aligned(lines, "#   ");
}

} // namespace parallm
