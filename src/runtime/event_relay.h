#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/mailbox.h"
#include "core/types.h"

namespace parallm {

// From the engine thread to the shards: one mailbox each, and at most one wake
// for as many steps as a shard is late. Built before the engine, and outlives
// it.
class EventRelay {
 public:
  // `post` runs work on a shard; `deliver` is called there, step by step.
  using Post = std::function<void(int shard, std::function<void()> work)>;
  using Deliver = std::function<void(int shard, StepEvents events)>;

  EventRelay(int shards, Post post, Deliver deliver);

  // Engine thread.
  void put(int shard, StepEvents events);

 private:
  struct Lane {
    explicit Lane(std::function<void()> wake) : box(std::move(wake)) {}
    Mailbox<StepEvents> box;
    std::vector<StepEvents> spent{}; // its shard only
  };

  void drain(int shard);

  Post post_;
  Deliver deliver_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

} // namespace parallm
