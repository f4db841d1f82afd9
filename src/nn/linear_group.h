#pragma once

#include <string>
#include <vector>

#include "nn/linear.h"

namespace parallm {

// Linear layers that read the same x, such as the projections to queries, keys
// and values, in one kernel. The checkpoint holds them apart or as one matrix;
// whoever calls need not know. Each stays where it is in its file: joined in
// memory they would be copies. A value; engine thread only.
class LinearGroup {
 public:
  struct Member {
    std::string name;
    std::vector<int> outputs; // more than one: several layers in one matrix
  };

  LinearGroup(
      Checkpoint& checkpoint,
      const std::vector<Member>& members,
      int inputs,
      Bias bias,
      const Quantization& quantization);

  // x (T, inputs) -> the layers' results in order, (T, outputs) each
  std::vector<mx::array> operator()(const mx::array& x) const;

 private:
  struct Part {
    Linear linear;
    std::vector<int> outputs; // of layers that stay one matrix, if they do
  };

  void add(Linear linear, std::vector<int> outputs);

  std::vector<Part> parts_;
  std::vector<LinearWeight> products_{}; // of the parts
};

} // namespace parallm
