#pragma once

#include <memory>
#include <vector>

#include "delivery/job.h"

// Shard thread only.
namespace parallm {

// The prompts that the engine has not finished, by RequestId, in constant
// time: the low bits of an id are the place in the table. Its shard only.
class JobTable {
 public:
  struct Entry {
    RequestId id{};
    std::shared_ptr<Job> job{};
    int prompt = 0; // index in the job
  };

  // A new id, unique in the process.
  RequestId add(std::shared_ptr<Job> job, int prompt);
  // Null if the prompt is gone or has no such choice. Valid until the next
  // add.
  const Entry* find(RequestId id, int choice) const;
  void remove(RequestId id);

  // Places are used again; ids are not.
  static size_t place_of(RequestId id);

 private:
  bool holds(RequestId id) const;

  std::vector<Entry> entries_;
  std::vector<size_t> free_;
};

} // namespace parallm
