#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "cache/prefix_index.h"

namespace parallm {

// Blocks that a running sequence is computing right now. Who needs one waits
// for it instead of computing it again; the promise ends when the block has
// its key, or when the promiser stops running. Engine thread only.
class Promises {
 public:
  enum class Party : uint64_t {}; // a sequence, seen from here

  // Does nothing if the block is promised already.
  void make(PrefixKey key, Party promiser);
  bool promised(PrefixKey key) const { return open_.contains(key); }
  Party promiser(PrefixKey key) const { return open_.at(key).promiser; }

  void wait(PrefixKey key, Party waiter); // it must be promised
  void leave(PrefixKey key, Party waiter);

  // Those who waited, oldest first. Does nothing if the promise is another's.
  std::vector<Party> end(PrefixKey key, Party promiser);

  int size() const { return static_cast<int>(open_.size()); }
  bool waits(PrefixKey key, Party waiter) const;

 private:
  struct Promise {
    Party promiser{};
    std::vector<Party> waiters{};
  };
  std::unordered_map<PrefixKey, Promise> open_;
};

} // namespace parallm
