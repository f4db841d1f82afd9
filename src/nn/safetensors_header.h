#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/step_context.h"

namespace parallm {

struct TensorInfo {
  std::string name;
  std::string dtype; // as in the file: "F32", "BF16", "U32"
  std::vector<int64_t> shape;
  size_t bytes = 0;
};

struct TensorFile {
  std::filesystem::path path;
  std::vector<TensorInfo> tensors;
};

// The head of one .safetensors file, checked against the file's size, so that
// a truncated download is found before anything is loaded. Any thread.
// Throws StartError that names the file.
std::vector<TensorInfo> read_safetensors_header(
    const std::filesystem::path& file);

// Whether a tensor counts as float: F64, F32, F16 or BF16.
bool is_float(const TensorInfo& tensor);

// The type of a float tensor.
mx::Dtype float_dtype(const TensorInfo& tensor);

} // namespace parallm
