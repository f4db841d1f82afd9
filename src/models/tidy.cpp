#include "models/tidy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <numeric>
#include <string_view>
#include <vector>

#include "nn/checkpoint.h"

namespace parallm {
namespace {

// What a module may consist of.
constexpr const char* kTensors[] = {".weight", ".scales", ".biases", ".bias"};

// What is stacked has one shape and one type.
void expect_alike(
    const Checkpoint& ck,
    const std::string& name,
    const mx::array& part,
    const mx::array& first) {
  if (part.shape() != first.shape()) {
    ck.refuse(
        name,
        fmt::format(
            "has shape ({}), expected ({}) as the first of its kind",
            fmt::join(part.shape(), ", "), fmt::join(first.shape(), ", ")));
  }
  if (part.dtype() != first.dtype()) {
    ck.refuse(name, "has another type than the first of its kind");
  }
}

// Where the rows are that come first, second and so on, part by part.
mx::array order_by_parts(int heads, const std::vector<int>& parts) {
  const int rows = std::accumulate(parts.begin(), parts.end(), 0);
  const auto by_head =
      mx::reshape(mx::arange(heads * rows, mx::int32), {heads, rows});
  std::vector<mx::array> by_part;
  int begin = 0; // of the part in its head
  for (const int part : parts) {
    by_part.push_back(mx::flatten(mx::slice(
        by_head, mx::Shape{0, begin}, mx::Shape{heads, begin + part})));
    begin += part;
  }
  return mx::concatenate(by_part, 0);
}

} // namespace

void drop_suffix(Checkpoint& ck, const std::string& end) {
  ck.drop([&](const std::string& name) { return name.ends_with(end); });
}

void rename_prefix(
    Checkpoint& ck, const std::string& from, const std::string& to) {
  for (const auto& name : ck.names()) {
    if (name.starts_with(from)) {
      ck.rename(name, to + name.substr(from.size()));
    }
  }
}

void stack(
    Checkpoint& ck,
    const std::string& pattern,
    int count,
    const std::string& to) {
  for (const char* tensor : kTensors) {
    const auto name = [&](int i) {
      return fmt::format(fmt::runtime(pattern), i) + tensor;
    };
    if (!ck.has(name(0))) {
      continue;
    }
    std::vector<mx::array> parts;
    for (int i = 0; i < count; ++i) {
      parts.push_back(ck.pull(name(i)));
      expect_alike(ck, name(i), parts[i], parts[0]);
    }
    ck.put(to + tensor, mx::stack(parts));
  }
}

void stack_experts(
    Checkpoint& ck,
    const ArchSpec& spec,
    const std::string& mlp,
    const ExpertNames& names) {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    const auto* moe = std::get_if<MoeSpec>(&spec.layers[i].feed_forward);
    if (!moe) {
      continue;
    }
    const auto at = fmt::format("model.layers.{}.{}", i, mlp);
    const auto from = at + "experts.{}.", to = at + "switch_mlp.";
    stack(ck, from + names.gate, moe->experts, to + "gate_proj");
    stack(ck, from + names.up, moe->experts, to + "up_proj");
    stack(ck, from + names.down, moe->experts, to + "down_proj");
  }
}

// Either way the numbers lie in the same order.
void flatten_convolutions(Checkpoint& ck, const ArchSpec&) {
  for (const auto& name : ck.names()) {
    if (!name.ends_with("conv.weight") && !name.ends_with("conv1d.weight")) {
      continue;
    }
    const auto weight = ck.pull(name);
    const bool has_one =
        weight.ndim() == 3 && (weight.shape(1) == 1 || weight.shape(2) == 1);
    ck.put(
        name, has_one ? mx::reshape(
                            weight, {weight.shape(0),
                                     weight.shape(1) * weight.shape(2)})
                      : weight);
  }
}

void put_part_by_part(
    Checkpoint& ck,
    const std::string& module,
    int heads,
    const std::vector<int>& parts) {
  const auto order = order_by_parts(heads, parts);
  ck.reorder_lora(module, order);
  for (const char* tensor : kTensors) {
    if (!ck.has(module + tensor)) {
      continue;
    }
    const auto rows = ck.pull(module + tensor);
    if (rows.ndim() == 0 || rows.shape(0) != order.shape(0)) {
      ck.refuse(
          module + tensor, fmt::format(
                               "has shape ({}), expected {} rows",
                               fmt::join(rows.shape(), ", "), order.shape(0)));
    }
    ck.put(module + tensor, mx::take(rows, order, 0));
  }
}

void leave_out(
    Checkpoint& ck, const std::string& folder, const std::string& why) {
  ck.leave_out(folder, why, [at = folder + "."](const std::string& name) {
    return name.starts_with(at);
  });
}

void leave_out_layers_from(
    Checkpoint& ck, size_t first, const std::string& why) {
  constexpr std::string_view kLayer = "model.layers.";
  ck.leave_out(
      fmt::format("{}{} and above", kLayer, first), why,
      [&](const std::string& name) {
        return name.starts_with(kLayer) &&
               std::strtoul(name.c_str() + kLayer.size(), nullptr, 10) >= first;
      });
}

mx::array pull_pairs(Checkpoint& ck, const std::string& name, int axis) {
  const auto both = ck.pull(name);
  if (static_cast<int>(both.ndim()) < -axis || both.shape(axis) % 2 != 0) {
    ck.refuse(
        name, fmt::format(
                  "has shape ({}), expected an even number of rows",
                  fmt::join(both.shape(), ", ")));
  }
  return both;
}

void halve(
    Checkpoint& ck,
    const std::string& module,
    int axis,
    const std::string& first,
    const std::string& second) {
  for (const char* tensor : kTensors) {
    if (ck.has(module + tensor)) {
      const auto halves =
          mx::split(pull_pairs(ck, module + tensor, axis), 2, axis);
      ck.put(first + tensor, halves[0]);
      ck.put(second + tensor, halves[1]);
    }
  }
}

} // namespace parallm
