#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/mapped_file.h"
#include "nn/step_context.h"

namespace parallm {

struct TensorInfo {
  std::string name{};
  std::string dtype{}; // as in the file: "F32", "BF16", "U32"
  std::vector<int64_t> shape{};
  size_t bytes = 0;
  uint64_t begin = 0; // in the file
};

struct TensorFile {
  std::filesystem::path path{};
  std::vector<TensorInfo> tensors{};
  FileStamp stamp{}; // of the file when its head was read
};

// The head of one .safetensors file, checked against the file's size, so that
// a truncated download is found before anything is loaded: tensors of known
// types lie one behind the other, without overlap or gap, from the header to
// the end of the file. Any thread. Throws StartError that names the file, and
// the tensor if it is one's fault.
TensorFile read_safetensors_header(const std::filesystem::path& file);

// How a tensor of the file is kept: 8-bit floats, which MLX has not, as uint8.
mx::Dtype dtype_of(const TensorInfo& tensor);

// Whether a tensor counts as float: F64, F32, F16 or BF16.
bool is_float(const TensorInfo& tensor);

} // namespace parallm
