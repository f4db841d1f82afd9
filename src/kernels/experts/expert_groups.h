#pragma once

#include <cstdint>
#include <span>
#include <vector>

// No MLX here. Plain values and functions without state: any thread.
namespace parallm {

// Which rows each expert has. Constant once made.
class ExpertGroups {
 public:
  // ids: the expert of each row, in [0, experts). Throws CheckFailed.
  ExpertGroups(std::span<const int32_t> ids, int experts);

  // In ascending order.
  std::span<const int> rows(int expert) const {
    return std::span(rows_).subspan(
        begins_[expert], begins_[expert + 1] - begins_[expert]);
  }

 private:
  std::vector<int> begins_; // (experts + 1)
  std::vector<int> rows_;   // expert after expert
};

} // namespace parallm
