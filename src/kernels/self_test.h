#pragma once

#include <string>
#include <vector>

#include "kernels/instruction_set.h"

// Whether the kernels compute on this machine what they should. For `parallm
// doctor`; the tests look closer. The thread that builds arrays; nothing else
// may compute meanwhile.
namespace parallm {

struct SelfTestResult {
  std::string kernel{};
  InstructionSet set{};  // it was told to use
  InstructionSet code{}; // whose code ran: the set, or one within it
  // The largest difference from plain operations, by the largest of their
  // results; infinite if ours is not a number.
  double error = 0;
  double allowed = 0;

  bool passed() const { return error <= allowed; }
};

// Every kernel at a small odd size, with each instruction set of this machine.
// Leaves the one in use that was, and the thread with the CPU as its device.
std::vector<SelfTestResult> run_self_tests();

} // namespace parallm
