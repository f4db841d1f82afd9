#include "runtime/event_relay.h"

namespace parallm {

EventRelay::EventRelay(int shards, Post post, Deliver deliver)
    : post_(std::move(post)), deliver_(std::move(deliver)) {
  for (int shard = 0; shard < shards; ++shard) {
    lanes_.push_back(std::make_unique<Lane>(
        [this, shard] { post_(shard, [this, shard] { drain(shard); }); }));
  }
}

void EventRelay::put(int shard, StepEvents events) {
  lanes_[static_cast<size_t>(shard)]->box.put(std::move(events));
}

void EventRelay::drain(int shard) {
  Lane& lane = *lanes_[static_cast<size_t>(shard)];
  lane.spent = lane.box.take(std::move(lane.spent));
  for (StepEvents& events : lane.spent) {
    deliver_(shard, std::move(events));
  }
}

} // namespace parallm
