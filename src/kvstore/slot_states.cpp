#include "kvstore/slot_states.h"

namespace parallm {

SlotStates::SlotStates(KvStore& store, std::span<const KvRow> rows)
    : store_(store) {
  int next = 0;
  for (const KvRow& row : rows) {
    const int tokens = row.end - row.begin;
    rows_.push_back({row.slot, next, tokens, row.begin == 0});
    next += tokens;
  }
}

} // namespace parallm
