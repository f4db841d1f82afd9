#pragma once

#include <span>
#include <vector>

#include "kvstore/kv_store.h"
#include "kvstore/paged_attention.h"

namespace parallm {

// The States of one step: those of its rows' slots in the store. A row that
// begins at position 0 begins with zeros, so that nobody need clear a slot. A
// state holds all that its sequence has fed and cannot go back: rows of a
// sequence follow each other without gap or overlap. Engine thread only.
class SlotStates : public States {
 public:
  SlotStates(KvStore& store, std::span<const KvRow> rows);

  const std::vector<StateRow>& rows() const override { return rows_; }
  const mx::array& state(int number) const override {
    return store_.state(number);
  }
  void keep(int number, const mx::array& newest) override {
    store_.keep_state(number, newest);
  }

 private:
  KvStore& store_;
  std::vector<StateRow> rows_;
};

} // namespace parallm
