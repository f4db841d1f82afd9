#include "cache/promises.h"

#include <algorithm>

#include "base/check.h"

namespace parallm {

void Promises::make(PrefixKey key, Party promiser) {
  open_.try_emplace(key, Promise{promiser});
}

void Promises::wait(PrefixKey key, Party waiter) {
  const auto found = open_.find(key);
  PARALLM_CHECK(found != open_.end(), "nobody promised block {:x}", key);
  found->second.waiters.push_back(waiter);
}

void Promises::leave(PrefixKey key, Party waiter) {
  PARALLM_CHECK(waits(key, waiter), "nobody waits for block {:x}", key);
  std::erase(open_.at(key).waiters, waiter);
}

std::vector<Promises::Party> Promises::end(PrefixKey key, Party promiser) {
  const auto found = open_.find(key);
  if (found == open_.end() || found->second.promiser != promiser) {
    return {};
  }
  std::vector<Party> waiters = std::move(found->second.waiters);
  open_.erase(found);
  return waiters;
}

bool Promises::waits(PrefixKey key, Party waiter) const {
  const auto found = open_.find(key);
  return found != open_.end() &&
         std::ranges::count(found->second.waiters, waiter) == 1;
}

} // namespace parallm
