#include "nn/tensor_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>
#include <unordered_map>

#include "kernels/allocation.h"

namespace parallm {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNamesShown = 5;

// Lazy: the header is read now, the numbers when they are evaluated.
std::unordered_map<std::string, mx::array> open_arrays(const fs::path& file) {
  try {
    return mx::load_safetensors(file.string()).first;
  } catch (const std::exception& error) {
    throw unreadable(file, error);
  }
}

} // namespace

TensorStore::TensorStore(
    const fs::path& folder, const std::vector<TensorFile>& files)
    : folder_(folder) {
  for (const auto& file : files) {
    const auto arrays = open_arrays(file.path);
    for (const auto& info : file.tensors) {
      tensors_.emplace(
          info.name,
          Tensor{arrays.at(info.name), file.path.string(), info.dtype});
    }
  }
}

bool TensorStore::has(const std::string& name) const {
  return tensors_.contains(name);
}

void TensorStore::miss(
    const std::string& name, const std::string& expected) const {
  throw StartError(
      kExitBadData,
      fmt::format(
          "{}: tensor {} is missing{}", folder_.string(), name, expected));
}

std::vector<std::string> TensorStore::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) {
    names.push_back(name);
  }
  return names;
}

mx::array TensorStore::pull(const std::string& name) {
  auto node = tensors_.extract(name);
  if (!node) {
    miss(name, "");
  }
  return node.mapped().array;
}

void TensorStore::put(const std::string& name, const mx::array& array) {
  std::ostringstream dtype;
  dtype << array.dtype();
  tensors_.insert_or_assign(name, Tensor{array, folder_.string(), dtype.str()});
}

TensorStore::Tensor TensorStore::extract(
    const std::string& name, const mx::Shape& shape) {
  auto node = tensors_.extract(name);
  if (!node) {
    miss(name, fmt::format(", expected shape ({})", fmt::join(shape, ", ")));
  }
  const Tensor& tensor = node.mapped();
  if (tensor.array.shape() != shape) {
    throw StartError(
        kExitBadData,
        fmt::format(
            "{}: tensor {} has shape ({}), expected ({})", tensor.file, name,
            fmt::join(tensor.array.shape(), ", "), fmt::join(shape, ", ")));
  }
  return std::move(node.mapped());
}

mx::array TensorStore::take(
    const std::string& name,
    const mx::Shape& shape,
    std::optional<mx::Dtype> dtype) {
  const Tensor tensor = extract(name, shape);
  if (!mx::issubdtype(tensor.array.dtype(), mx::floating)) {
    throw StartError(
        kExitBadData,
        fmt::format(
            "{}: tensor {} has type {}, expected F32, F16 or BF16", tensor.file,
            name, tensor.dtype));
  }
  const auto own =
      tensor.array.dtype() == mx::float64 ? mx::float32 : tensor.array.dtype();
  return mx::astype(tensor.array, dtype.value_or(own));
}

mx::array TensorStore::take_whole_numbers(
    const std::string& name, const mx::Shape& shape, mx::Dtype dtype) {
  const Tensor tensor = extract(name, shape);
  if (tensor.array.dtype() != dtype) {
    throw StartError(
        kExitBadData, fmt::format(
                          "{}: tensor {} has type {}, expected U{}",
                          tensor.file, name, tensor.dtype, 8 * dtype.size()));
  }
  return tensor.array;
}

mx::array TensorStore::take_packed(
    const std::string& name, const mx::Shape& shape) {
  return take_whole_numbers(name, shape, mx::uint32);
}

mx::array TensorStore::take_bytes(
    const std::string& name, const mx::Shape& shape) {
  return take_whole_numbers(name, shape, mx::uint8);
}

void TensorStore::drop(std::string_view name_end) {
  std::erase_if(tensors_, [&](const auto& entry) {
    return entry.first.ends_with(name_end);
  });
}

void TensorStore::expect_empty(std::string_view why) const {
  if (tensors_.empty()) {
    return;
  }
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) {
    if (names.size() == kNamesShown) {
      names.push_back("...");
      break;
    }
    names.push_back(name);
  }
  throw StartError(
      kExitBadData,
      fmt::format(
          "{}: {} tensor{} left over: {}{}", tensors_.begin()->second.file,
          tensors_.size(), tensors_.size() == 1 ? " is" : "s are",
          fmt::join(names, ", "), why));
}

StartError unreadable(const fs::path& path, const std::exception& error) {
  return is_refused_memory(error)
             ? StartError(
                   kExitNoMemory, fmt::format(
                                      "{}: not enough memory: {}",
                                      path.string(), error.what()))
             : StartError(
                   kExitBadData,
                   fmt::format(
                       "{}: cannot be read: {}", path.string(), error.what()));
}

} // namespace parallm
