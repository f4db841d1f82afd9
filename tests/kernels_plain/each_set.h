#pragma once

#include <gtest/gtest.h>

#include "kernels/instruction_set.h"

// Main thread only.
namespace parallm::test {

// Calls `body` under each instruction set that this machine has. The best is
// the last, and stays in use.
template <class Body>
void under_each_set(const Body& body) {
  for (const InstructionSet set : host_instruction_sets()) {
    SCOPED_TRACE(name_of(set));
    use_instruction_set(set);
    body();
  }
}

} // namespace parallm::test
