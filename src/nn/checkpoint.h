#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nn/adapter.h"
#include "nn/safetensors_header.h"
#include "nn/tensor_store.h"

namespace parallm {

// A checkpoint folder's weight files: model.safetensors, or those that
// model.safetensors.index.json names. Any thread. Throws StartError.
struct WeightFiles {
  std::vector<TensorFile> files;

  static WeightFiles find(const std::filesystem::path& folder);

  // Or nullptr.
  const TensorInfo* tensor(const std::string& name) const;
  const TensorInfo* tensor_ending_in(std::string_view name_end) const;

 private:
  template <class Fits>
  const TensorInfo* find_tensor(Fits fits) const;
};

// A checkpoint being unpacked, and the adapter that changes it, if there is
// one. Each tensor is taken once, by the name it has in the file; what is left
// at the end is an error, not a surprise. Every complaint is a StartError that
// names the tensor. Engine thread.
class Checkpoint {
 public:
  // With a dtype, float weights are converted as they are taken; without, f64
  // alone becomes f32. An adapter keeps its own types.
  Checkpoint(
      const std::filesystem::path& folder,
      std::optional<mx::Dtype> dtype,
      std::optional<Adapter> adapter = std::nullopt);

  bool has(const std::string& name) const;

  // For whoever makes other tensors of those in the file, before they are
  // taken: all names, a tensor as it is, and one under a new name.
  std::vector<std::string> names() const { return weights_.names(); }
  mx::array pull(const std::string& name) { return weights_.pull(name); }
  void put(const std::string& name, const mx::array& array) {
    weights_.put(name, array);
  }

  // To which float weights are converted, if they are.
  std::optional<mx::Dtype> dtype() const { return dtype_; }

  // A float tensor.
  mx::array take(const std::string& name, const mx::Shape& shape);
  // A float tensor that stays exact, as float32, whatever the dtype.
  mx::array take_float32(const std::string& name, const mx::Shape& shape);
  // Packed integers (uint32).
  mx::array take_packed(const std::string& name, const mx::Shape& shape);
  // Scales that are a byte each (uint8).
  mx::array take_bytes(const std::string& name, const mx::Shape& shape);

  // What the adapter has for a linear layer, or none.
  std::optional<LoraTensors> take_lora(
      const std::string& name, int inputs, int outputs);
  // For a module of a kind that no adapter can change.
  void expect_no_lora(const std::string& name, std::string_view kind) const;

  // A form made of what was taken, which finish() computes so that no step has
  // to; on the way it needs `scratch_bytes`. Gives it back.
  mx::array keep(const mx::array& form, size_t scratch_bytes = 0);

  // Forgets tensors that no model of today needs, by the end of their names.
  void drop(std::string_view name_end);

  // Everything must have been taken or dropped. Reads all that was taken from
  // the disk; kExitNoMemory if there is no room for it.
  void finish();

 private:
  void expect_memory() const;
  void read_all();

  std::filesystem::path folder_;
  std::optional<mx::Dtype> dtype_;
  TensorStore weights_;
  std::optional<Adapter> adapter_;
  std::vector<mx::array> taken_{};
  std::vector<mx::array> kept_{};
  size_t scratch_bytes_ = 0; // of the hungriest form
};

} // namespace parallm
