#include "models/read_router.h"

#include <fmt/format.h>

namespace parallm {
namespace {

void expect_whole_groups(const ConfigJson& json, const MoeSpec& moe) {
  const auto& router = moe.router;
  if (moe.experts % router.groups != 0) {
    json.refuse_value(
        "n_group",
        fmt::format("a divisor of n_routed_experts, {}", moe.experts));
  }
  if (router.best_two && router.groups > 1 && moe.experts < 2 * router.groups) {
    json.refuse_value(
        "n_group",
        fmt::format("at most half of n_routed_experts, {}", moe.experts));
  }
}

void expect_enough_kept(const ConfigJson& json, const MoeSpec& moe) {
  const int each = moe.experts / moe.router.groups;
  const int least = (moe.per_token + each - 1) / each;
  if (moe.router.groups_kept < least) {
    json.refuse_value(
        "topk_group", fmt::format(
                          "at least {}, as groups have {} experts and a token "
                          "visits {}",
                          least, each, moe.per_token));
  }
}

} // namespace

float read_routed_scale(const ConfigJson& json) {
  return static_cast<float>(json.number_or("routed_scaling_factor", 1, 0, 1e6));
}

void read_groups(const ConfigJson& json, MoeSpec& moe) {
  auto& router = moe.router;
  router.groups = json.integer_or("n_group", 1, 1, moe.experts);
  router.groups_kept = json.integer_or("topk_group", 1, 1, router.groups);
  expect_whole_groups(json, moe);
  expect_enough_kept(json, moe);
}

// As in DeepSeek's code, one expert alone counts by its score.
void read_balanced_router(const ConfigJson& json, MoeSpec& moe) {
  auto& router = moe.router;
  router.score = RouterSpec::Score::kSigmoid;
  router.correction = true;
  router.best_two = true;
  router.normalize = json.flag_or("norm_topk_prob", true) && moe.per_token > 1;
  router.scale = read_routed_scale(json);
  read_groups(json, moe);
}

} // namespace parallm
