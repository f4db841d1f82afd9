#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nn/file_data.h"
#include "nn/step_context.h"

namespace parallm {

// The tensors of .safetensors files while they are unpacked: each is taken
// once, by the name it has in its file. What is taken is lazy: the numbers are
// read when it is evaluated. Every complaint is a StartError that names the
// tensor. The thread that made it, and to evaluate, the engine's.
class TensorStore {
 public:
  // `folder` is where a tensor is missed.
  TensorStore(
      const std::filesystem::path& folder,
      const std::vector<TensorFile>& files,
      const OnRead& on_read = {});

  bool has(const std::string& name) const;

  // A float tensor. With a dtype, converted; without, f64 alone becomes f32.
  mx::array take(
      const std::string& name,
      const mx::Shape& shape,
      std::optional<mx::Dtype> dtype);
  // Packed integers (uint32).
  mx::array take_packed(const std::string& name, const mx::Shape& shape);
  // Scales that are a byte each (uint8).
  mx::array take_bytes(const std::string& name, const mx::Shape& shape);

  // For whoever makes other tensors of them: all names, a tensor as it is, one
  // under a new name. What is put is made to lie row by row, as kernels read
  // it: a view would be copied in every step.
  std::vector<std::string> names() const;
  mx::array pull(const std::string& name);
  void put(const std::string& name, const mx::array& array);
  void rename(const std::string& from, const std::string& to);

  // Forgets tensors by their names. -> how many
  size_t drop(const std::function<bool(const std::string&)>& is_dropped);

  // Of the files' tensors but for those that were dropped.
  size_t file_bytes() const { return file_bytes_; }

  // Everything must have been taken or dropped. `why` ends the complaint.
  void expect_empty(std::string_view why = "") const;

 private:
  struct Tensor {
    mx::array array;
    std::string file;
    std::string dtype;     // as in the file
    size_t file_bytes = 0; // 0 for what was put
  };

  [[noreturn]] void miss(
      const std::string& name, const std::string& expected) const;
  void add(const TensorFile& file, const OnRead& on_read);
  Tensor extract(const std::string& name, const mx::Shape& shape);
  mx::array take_whole_numbers(
      const std::string& name, const mx::Shape& shape, mx::Dtype dtype);

  std::filesystem::path folder_;
  std::map<std::string, Tensor> tensors_{};
  size_t file_bytes_ = 0;
};

} // namespace parallm
