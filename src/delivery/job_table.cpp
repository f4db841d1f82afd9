#include "delivery/job_table.h"

#include <atomic>

#include "base/check.h"

namespace parallm {

namespace {

// 16 million prompts at once on a shard, and a trillion in all.
constexpr int kPlaceBits = 24;
constexpr uint64_t kPlaceMask = (uint64_t{1} << kPlaceBits) - 1;

RequestId make_id(size_t place) {
  static std::atomic<uint64_t> next_serial{1};
  const uint64_t serial = next_serial.fetch_add(1, std::memory_order_relaxed);
  return RequestId{serial << kPlaceBits | place};
}

} // namespace

size_t JobTable::place_of(RequestId id) {
  return static_cast<uint64_t>(id) & kPlaceMask;
}

RequestId JobTable::add(std::shared_ptr<Job> job, int prompt) {
  if (free_.empty()) {
    PARALLM_CHECK(entries_.size() <= kPlaceMask, "{} prompts", entries_.size());
    free_.push_back(entries_.size());
    entries_.emplace_back();
  }
  const size_t place = free_.back();
  free_.pop_back();
  entries_[place] = {make_id(place), std::move(job), prompt};
  return entries_[place].id;
}

const JobTable::Entry* JobTable::find(RequestId id, int choice) const {
  if (!holds(id)) {
    return nullptr;
  }
  const Entry& entry = entries_[place_of(id)];
  const Prompt& prompt = entry.job->prompts[entry.prompt];
  const bool known =
      choice >= 0 && choice < static_cast<int>(prompt.choices.size());
  return known ? &entry : nullptr;
}

void JobTable::remove(RequestId id) {
  if (holds(id)) {
    entries_[place_of(id)] = {};
    free_.push_back(place_of(id));
  }
}

bool JobTable::holds(RequestId id) const {
  const size_t place = place_of(id);
  return place < entries_.size() && entries_[place].job &&
         entries_[place].id == id;
}

} // namespace parallm
