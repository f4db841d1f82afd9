#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "kernels/sample/sample_row.h"

// Random logits and random settings from a fixed seed. No MLX here.
namespace parallm {

class RandomRows {
 public:
  explicit RandomRows(uint32_t seed) : engine_(seed) {}

  int below(int bound) {
    return static_cast<int>(engine_() % static_cast<uint32_t>(bound));
  }
  bool one_in(int n) { return below(n) == 0; }
  float between(float low, float high) {
    return low + (high - low) * static_cast<float>(engine_()) * 0x1p-32f;
  }

  // With `ties`, values fall on few steps, so that many are equal.
  std::vector<float> logits(int vocab, bool ties) {
    std::vector<float> values(static_cast<size_t>(vocab));
    for (float& value : values) {
      value = between(-6, 6) + between(-6, 6);
      value = ties ? std::round(value) : value;
    }
    return values;
  }

  std::shared_ptr<const std::vector<LogitEdit>> edits(int vocab) {
    std::vector<LogitEdit> list;
    for (int id = below(3); id < vocab; id += 1 + below(7)) {
      list.push_back(
          {id, one_in(2) ? 1.0f : between(0.5f, 2),
           one_in(2) ? 0.0f : between(-1, 2),
           one_in(2) ? 0.0f : between(-4, 4)});
    }
    return std::make_shared<const std::vector<LogitEdit>>(std::move(list));
  }

  std::vector<int32_t> some_ids(int vocab, int one_in_n) {
    std::vector<int32_t> ids;
    for (int id = 0; id < vocab; ++id) {
      if (one_in(one_in_n)) {
        ids.push_back(id);
      }
    }
    return ids;
  }

  // Each stage is asked for by about a third of the rows.
  DrawRow row(int vocab) {
    DrawRow row;
    row.temperature = one_in(4) ? 0.0f : between(0.3f, 2);
    row.top_k = one_in(3) ? 1 + below(one_in(2) ? 20 : vocab + 3) : 0;
    row.top_p = one_in(3) ? between(0, 1) : 1.0f;
    row.min_p = one_in(3) ? between(0, 0.5f) : 0.0f;
    row.noise = {
        uint64_t{engine_()} << 32 | engine_(), static_cast<uint32_t>(below(4)),
        static_cast<uint32_t>(below(1000))};
    if (one_in(3)) {
      row.edits = edits(vocab);
    }
    if (one_in(4)) {
      auto ids = some_ids(vocab, 3);
      ids.push_back(vocab / 2);
      std::sort(ids.begin(), ids.end());
      ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
      row.allowed = std::make_shared<const std::vector<int32_t>>(ids);
    }
    if (one_in(3)) {
      row.banned = some_ids(vocab, 5);
      std::erase(row.banned, vocab / 2);
    }
    row.wants_processed = one_in(3);
    return row;
  }

 private:
  std::mt19937 engine_;
};

} // namespace parallm
