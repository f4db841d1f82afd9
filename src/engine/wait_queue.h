#pragma once

#include <set>

#include "engine/sequence.h"

namespace parallm {

// Who is next: the lowest priority number, which falls by one for each second
// of waiting. Since it falls for all alike, the order of two sequences never
// changes: it is that of priority * 1000 + arrival in ms, and nothing is ever
// sorted again. Engine thread only.
class WaitQueue {
 public:
  void insert(Sequence& seq) { entries_.insert(entry(seq)); }
  bool erase(Sequence& seq) { return entries_.erase(entry(seq)) == 1; }
  bool contains(Sequence& seq) const { return entries_.contains(entry(seq)); }
  Sequence& front() const { return *entries_.begin()->seq; }
  bool empty() const { return entries_.empty(); }
  int size() const { return static_cast<int>(entries_.size()); }

 private:
  struct Entry {
    double key_ms;
    SeqId id; // in the order of arrival
    Sequence* seq;
    bool operator<(const Entry& other) const {
      return key_ms != other.key_ms ? key_ms < other.key_ms : id < other.id;
    }
  };
  static Entry entry(Sequence& seq) {
    constexpr double kMsPerPriority = 1000;
    const double head_start = seq.request().priority * kMsPerPriority;
    return {head_start + seq.submitted_ms, seq.id, &seq};
  }
  std::set<Entry> entries_;
};

} // namespace parallm
