#include "kernels/place_kv/placed_rows.h"

#include <algorithm>

#include "kernels/parts.h"

namespace parallm {
namespace {

// Tokens whose keys are turned before they are stored: so few that they are
// still in the first cache. A block, as a rule.
constexpr size_t kTokens = 16;

size_t key_numbers(const PlacedRows& a) { // of a token
  return static_cast<size_t>(a.keys.heads) * a.keys.width;
}

// From a token on; keys go to `keys`.
RopeRows rope_from(const PlacedRows& a, size_t token, char* keys) {
  RopeRows rope = a.rope;
  rope.positions += token;
  for (auto& group : rope.groups) {
    group.x += static_cast<std::ptrdiff_t>(token) * group.token_bytes;
  }
  auto& q = rope.groups[0];
  q.out += token * q.heads * rope.width * float_bytes(rope.type);
  rope.groups[1].out = keys;
  return rope;
}

void place_part(const PlacedRows& a, size_t first, size_t end) {
  std::vector<char> turned(
      std::min(kTokens, end - first) * key_numbers(a) *
      float_bytes(a.rope.type));
  KvWriteArgs keys = a.keys;
  keys.rows = turned.data();
  for (size_t token = first; token < end; token += kTokens) {
    const size_t tokens = std::min(kTokens, end - token);
    rope_rows(rope_from(a, token, turned.data()), 0, tokens);
    keys.slots = a.keys.slots + token;
    write_kv_rows(keys, 0, tokens);
  }
  write_kv_rows(a.values, first, end);
}

} // namespace

void place_rows(const PlacedRows& rows) {
  check_slots(rows.keys);
  check_slots(rows.values);
  const size_t numbers = token_numbers(rows.rope) + key_numbers(rows);
  in_row_parts(rows.keys.count, numbers, [&](size_t first, size_t end) {
    place_part(rows, first, end);
  });
}

} // namespace parallm
