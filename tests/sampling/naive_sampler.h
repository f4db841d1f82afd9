#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "kernels/sample/sample_row.h"

// The stages of docs/CONTRACT.md written down as literally as possible: sort
// everything, add up in double, draw from what is left.
namespace parallm::naive {

inline constexpr float kNever = -std::numeric_limits<float>::infinity();

inline void rewrite(std::vector<float>& l, const DrawRow& row) {
  if (row.edits) {
    for (const LogitEdit& e : *row.edits) {
      float& v = l[static_cast<size_t>(e.id)];
      v = v > 0 ? v / e.repetition : v * e.repetition;
      v = v - e.penalty;
      v = v + e.bias;
    }
  }
  std::set<int32_t> banned(row.banned.begin(), row.banned.end());
  for (int id = 0; id < static_cast<int>(l.size()); ++id) {
    const bool out = row.allowed &&
                     std::find(row.allowed->begin(), row.allowed->end(), id) ==
                         row.allowed->end();
    if (out || banned.count(id)) {
      l[static_cast<size_t>(id)] = kNever;
    }
  }
}

// All ids, larger first, ties by lower id.
inline std::vector<int> ordered(const std::vector<float>& l) {
  std::vector<int> ids(l.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](int a, int b) {
    return l[static_cast<size_t>(a)] > l[static_cast<size_t>(b)];
  });
  return ids;
}

inline std::vector<double> softmax(const std::vector<float>& l) {
  const double largest = *std::max_element(l.begin(), l.end());
  std::vector<double> p;
  double total = 0;
  for (float v : l) {
    p.push_back(std::exp(v - largest));
    total += p.back();
  }
  for (double& v : p) {
    v /= total;
  }
  return p;
}

inline void keep(std::vector<float>& l, const std::set<int>& kept) {
  for (int id = 0; id < static_cast<int>(l.size()); ++id) {
    if (!kept.count(id)) {
      l[static_cast<size_t>(id)] = kNever;
    }
  }
}

inline void top_k(std::vector<float>& l, int k) {
  const auto ids = ordered(l);
  keep(l, {ids.begin(), ids.begin() + std::min<long>(k, ids.size())});
}

inline void top_p(std::vector<float>& l, double share) {
  const auto ids = ordered(l);
  const auto p = softmax(l);
  std::set<int> kept;
  double sum = 0;
  for (int id : ids) {
    kept.insert(id);
    sum += p[static_cast<size_t>(id)];
    if (sum >= share) {
      break;
    }
  }
  keep(l, kept);
}

inline void min_p(std::vector<float>& l, double share) {
  const auto p = softmax(l);
  const double largest = *std::max_element(p.begin(), p.end());
  std::set<int> kept;
  for (size_t id = 0; id < p.size(); ++id) {
    if (p[id] >= share * largest) {
      kept.insert(static_cast<int>(id));
    }
  }
  keep(l, kept);
}

// What stage 9 draws from.
inline std::vector<float> processed(std::vector<float> l, const DrawRow& row) {
  rewrite(l, row);
  if (row.temperature < 1e-5f) {
    return l;
  }
  for (float& v : l) {
    v /= row.temperature;
  }
  if (row.top_k > 0) {
    top_k(l, row.top_k);
  }
  if (row.top_p < 1) {
    top_p(l, static_cast<double>(row.top_p));
  }
  if (row.min_p > 0) {
    min_p(l, static_cast<double>(row.min_p));
  }
  return l;
}

inline int draw(const std::vector<float>& logits, const DrawRow& row) {
  std::vector<float> l = processed(logits, row);
  if (row.temperature >= 1e-5f) {
    for (size_t id = 0; id < l.size(); ++id) {
      l[id] += gumbel_noise(row.noise, static_cast<uint32_t>(id));
    }
  }
  return static_cast<int>(std::max_element(l.begin(), l.end()) - l.begin());
}

} // namespace parallm::naive
