#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/sample/gumbel_array.h"
#include "kernels/sample/sample.h"
#include "kernels/sample/sample_keys.h"

// Every operation works row by row, so that what one row asks for cannot move
// a bit of another. A stage that no row asks for adds no operation.
namespace parallm {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

template <class Predicate>
bool any(const DrawRows& rows, Predicate predicate) {
  return std::any_of(rows.begin(), rows.end(), predicate);
}

// One number of every row as a column (R, 1).
template <class T, class Field>
mx::array column(const DrawRows& rows, mx::Dtype type, Field field) {
  std::vector<T> values;
  values.reserve(rows.size());
  for (const DrawRow& row : rows) {
    values.push_back(field(row));
  }
  return mx::array(
      values.begin(), mx::Shape{static_cast<int>(rows.size()), 1}, type);
}

template <class T>
mx::array list(const std::vector<T>& values, mx::Dtype type) {
  const auto count = static_cast<int>(values.size());
  return mx::array(values.begin(), mx::Shape{count}, type);
}

// Places in the flattened (R, V) and, for edits, what happens there.
struct Edits {
  std::vector<int32_t> places;
  std::vector<float> repetition, penalty, bias;
};

Edits edits_of(const DrawRows& rows, int vocab) {
  Edits all;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].edits) {
      for (const LogitEdit& e : *rows[r].edits) {
        all.places.push_back(static_cast<int32_t>(r) * vocab + e.id);
        all.repetition.push_back(e.repetition);
        all.penalty.push_back(e.penalty);
        all.bias.push_back(e.bias);
      }
    }
  }
  return all;
}

// Stages 1 to 3 on flat (R * V).
mx::array edit(const mx::array& flat, const Edits& edits) {
  if (edits.places.empty()) {
    return flat;
  }
  const mx::array places = list(edits.places, mx::int32);
  const mx::array repetition = list(edits.repetition, mx::float32);
  const mx::array old = mx::take(flat, places);
  const mx::array repeated =
      mx::where(old > mx::array(0.0f), old / repetition, old * repetition);
  return mx::put_along_axis(
      flat, places,
      (repeated - list(edits.penalty, mx::float32)) +
          list(edits.bias, mx::float32),
      0);
}

template <class List>
std::vector<int32_t> places_of(const DrawRows& rows, int vocab, List list_of) {
  std::vector<int32_t> places;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (const std::vector<int32_t>* ids = list_of(rows[r])) {
      for (int32_t id : *ids) {
        places.push_back(static_cast<int32_t>(r) * vocab + id);
      }
    }
  }
  return places;
}

mx::array put(
    const mx::array& flat,
    const std::vector<int32_t>& places,
    mx::array value) {
  if (places.empty()) {
    return flat;
  }
  const mx::array where = list(places, mx::int32);
  return mx::put_along_axis(
      flat, where, mx::broadcast_to(value, where.shape()), 0);
}

mx::array ban(const mx::array& flat, const DrawRows& rows, int vocab) {
  const auto places =
      places_of(rows, vocab, [](const DrawRow& row) { return &row.banned; });
  return put(flat, places, mx::array(kNever));
}

mx::array keep_allowed(const mx::array& flat, const DrawRows& rows, int vocab) {
  const auto limits = [](const DrawRow& row) { return bool(row.allowed); };
  if (!any(rows, limits)) {
    return flat;
  }
  const auto places = places_of(
      rows, vocab, [](const DrawRow& row) { return row.allowed.get(); });
  const mx::array named =
      put(mx::zeros(flat.shape(), mx::bool_), places, mx::array(true));
  const mx::array free = column<bool>(
      rows, mx::bool_, [](const DrawRow& row) { return !row.allowed; });
  const mx::array keep =
      mx::logical_or(mx::reshape(named, mx::Shape{-1, vocab}), free);
  return mx::where(mx::flatten(keep), flat, mx::array(kNever));
}

// Stages 1 to 4. (R, V)
mx::array rewrite(const mx::array& logits, const DrawRows& rows) {
  if (!any(rows, [](const DrawRow& row) { return row.rewrites(); })) {
    return logits;
  }
  const int vocab = logits.shape(1);
  mx::array flat = edit(mx::flatten(logits), edits_of(rows, vocab));
  flat = ban(keep_allowed(flat, rows, vocab), rows, vocab);
  return mx::reshape(flat, logits.shape());
}

int places_kept(const DrawRow& row, int vocab) {
  const bool off = row.greedy() || row.top_k <= 0;
  return off ? vocab : std::min(row.top_k, vocab);
}

// Stages 6 and 7: which tokens stay. The order of a row is sorted once; what
// both stages keep is its beginning, so one key per row tells it.
mx::array first_kept(
    const mx::array& values, const mx::array& largest, const DrawRows& rows) {
  const int vocab = values.shape(1);
  const mx::array keys = order_keys(values);
  const mx::array sorted = mx::sort(keys, -1);
  const mx::array ids = ids_of(sorted);
  const mx::array place = mx::arange(0, vocab, mx::int32);
  const mx::array top_k =
      mx::less(place, column<int32_t>(rows, mx::int32, [&](const DrawRow& row) {
                 return places_kept(row, vocab);
               }));
  const mx::array weights = mx::where(
      top_k, mx::exp(mx::take_along_axis(values, ids, -1) - largest),
      mx::array(0.0f));
  const mx::array before = mx::cumsum(weights, -1, false, false);
  // Off is a share that no sum of weights reaches.
  const mx::array wanted =
      column<float>(rows, mx::float32, [](const DrawRow& row) {
        return row.greedy() || row.top_p >= 1 ? 2.0f : row.top_p;
      });
  const mx::array short_of =
      mx::less(before, wanted * mx::sum(weights, -1, true));
  const mx::array kept = mx::sum(
      mx::astype(mx::logical_and(top_k, short_of), mx::int32), -1, true);
  const mx::array last = mx::take_along_axis(
      sorted, mx::maximum(kept - mx::array(1), mx::array(0)), -1);
  return mx::less_equal(keys, last);
}

bool sorts(const DrawRow& row, int vocab) {
  return !row.greedy() &&
         (row.top_p < 1 || (row.top_k > 0 && row.top_k < vocab));
}

// Stages 5 to 8. (R, V), -infinity for what is dropped
mx::array filter(const mx::array& logits, const DrawRows& rows) {
  const mx::array values =
      logits / column<float>(rows, mx::float32, [](const DrawRow& row) {
        return row.greedy() ? 1.0f : row.temperature;
      });
  const mx::array largest = mx::max(values, -1, true);
  mx::array kept = values;
  const int vocab = logits.shape(1);
  if (any(rows, [&](const DrawRow& row) { return sorts(row, vocab); })) {
    kept =
        mx::where(first_kept(values, largest, rows), kept, mx::array(kNever));
  }
  if (any(rows, [](const DrawRow& row) { return row.min_p > 0; })) {
    const mx::array share =
        column<float>(rows, mx::float32, [](const DrawRow& row) {
          const bool off = row.greedy() || row.min_p <= 0;
          return off ? kNever : std::log(std::min(row.min_p, 1.0f));
        });
    kept =
        mx::where(mx::less(values, largest + share), mx::array(kNever), kept);
  }
  return kept;
}

// Stage 9: the noise of a greedy row is 0.
mx::array with_noise(const mx::array& kept, const DrawRows& rows) {
  std::vector<NoiseKey> keys;
  for (const DrawRow& row : rows) {
    keys.push_back(row.noise);
  }
  const mx::array greedy = column<bool>(
      rows, mx::bool_, [](const DrawRow& row) { return row.greedy(); });
  return kept +
         mx::where(greedy, mx::array(0.0f), gumbel_array(keys, kept.shape(1)));
}

mx::array status_of(const mx::array& logits, const mx::array& rewritten) {
  const mx::array numbers = mx::logical_and(
      mx::isfinite(mx::max(logits, -1)),
      mx::logical_not(mx::any(mx::isnan(logits), -1)));
  const mx::array left = mx::greater(mx::max(rewritten, -1), mx::array(kNever));
  const auto is = [](DrawStatus status) {
    return mx::array(static_cast<int32_t>(status));
  };
  return mx::where(
      numbers,
      mx::where(left, is(DrawStatus::kDrawn), is(DrawStatus::kNothingLeft)),
      is(DrawStatus::kNotFinite));
}

std::vector<int32_t> wanting_processed(const DrawRows& rows) {
  std::vector<int32_t> wanting;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].wants_processed) {
      wanting.push_back(static_cast<int32_t>(r));
    }
  }
  return wanting;
}

} // namespace

Draws draw_reference(const mx::array& logits, const DrawRows& rows) {
  const mx::array rewritten = rewrite(logits, rows);
  const bool draws =
      any(rows, [](const DrawRow& row) { return !row.greedy(); });
  const mx::array kept = draws ? filter(rewritten, rows) : rewritten;
  const mx::array scores = draws ? with_noise(kept, rows) : kept;
  const mx::array status = status_of(logits, rewritten);
  const mx::array ids = mx::where(
      mx::equal(status, mx::array(0)),
      mx::astype(mx::argmax(scores, -1), mx::int32), mx::array(0));
  Draws result{ids, status};
  if (const auto wanting = wanting_processed(rows); !wanting.empty()) {
    result.processed = mx::take(kept, list(wanting, mx::int32), 0);
  }
  return result;
}

} // namespace parallm
