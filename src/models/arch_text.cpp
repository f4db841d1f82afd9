#include "models/arch_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace parallm {
namespace {

struct Kind {
  ReportLine line{};
  int layers = 0; // that are so
};

ReportLine told(const GqaSpec& a) {
  return {
      "attention",
      fmt::format(
          "{} heads of {}{}{}{}", a.heads, a.head_dim,
          a.kv_heads == a.heads
              ? ""
              : fmt::format(", {} of keys and values", a.kv_heads),
          a.window > 0 ? fmt::format(", window of {} tokens", a.window) : "",
          a.rope ? "" : ", blind to positions")};
}

ReportLine told(const MlaSpec& a) {
  return {
      "attention",
      fmt::format(
          "{} heads of {}, values of {}, kept as one latent of {} + {}",
          a.heads, a.plain_width + a.rope_width, a.value_width, a.latent,
          a.rope_width)};
}

ReportLine told(const ShortConvSpec& c) {
  return {
      "recurrent",
      fmt::format("convolution over {} tokens, {} wide", c.taps, c.width)};
}

ReportLine told(const Mamba2Spec& m) {
  return {
      "recurrent", fmt::format(
                       "Mamba-2, {} heads of {}, states of {}", m.scan.heads,
                       m.scan.head_dim, m.scan.state)};
}

ReportLine told(const GatedDeltaSpec& g) {
  return {
      "recurrent",
      fmt::format(
          "gated delta rule, {} heads of {}, keys of {} in {} heads",
          g.delta.value_heads, g.delta.value_dim, g.delta.key_dim,
          g.delta.key_heads)};
}

ReportLine told(const MlpSpec& m) {
  return {"feed-forward", fmt::format("{} wide", m.width)};
}

ReportLine told(const MoeSpec& m) {
  return {
      "feed-forward",
      fmt::format(
          "{} experts, {} a token, {} wide{}", m.experts, m.per_token, m.width,
          m.shared ? fmt::format("; one of {} for every token", m.shared->width)
                   : "")};
}

// Nothing to say.
ReportLine told(std::monostate) {
  return {};
}

void count(std::vector<Kind>& kinds, ReportLine line) {
  if (line.text.empty()) {
    return;
  }
  const auto found = std::ranges::find_if(kinds, [&](const Kind& kind) {
    return kind.line.name == line.name && kind.line.text == line.text;
  });
  if (found != kinds.end()) {
    ++found->layers;
  } else {
    kinds.push_back({std::move(line), 1});
  }
}

// In the order in which layers have them, those of a name together.
std::vector<Kind> kinds_of(const ArchSpec& spec) {
  const auto tell = [](const auto& part) { return told(part); };
  std::vector<Kind> kinds;
  for (const LayerSpec& layer : spec.layers) {
    count(kinds, std::visit(tell, layer.mixer));
    count(kinds, std::visit(tell, layer.feed_forward));
  }
  std::ranges::stable_sort(
      kinds, {}, [](const Kind& k) { return k.line.name; });
  return kinds;
}

} // namespace

std::vector<ReportLine> text_of(const ArchSpec& spec) {
  const int layers = static_cast<int>(spec.layers.size());
  std::vector<ReportLine> lines = {
      {"width", fmt::format("{}", spec.width)},
      {"vocabulary", fmt::format("{}", spec.vocab)}};
  for (auto& [line, count] : kinds_of(spec)) {
    lines.push_back(std::move(line));
    if (count < layers) {
      lines.back().text += fmt::format(" ({} of {} layers)", count, layers);
    }
  }
  return lines;
}

} // namespace parallm
