#include "nn/tensor_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>

#include "base/check.h"

namespace parallm {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNamesShown = 5;

} // namespace

TensorStore::TensorStore(
    const fs::path& folder,
    const std::vector<TensorFile>& files,
    const OnRead& on_read)
    : folder_(folder) {
  for (const auto& file : files) {
    add(file, on_read);
  }
}

void TensorStore::add(const TensorFile& file, const OnRead& on_read) {
  const auto data = std::make_shared<FileData>(file, on_read);
  for (const auto& info : file.tensors) {
    tensors_.emplace(
        info.name,
        Tensor{data->tensor(info), file.path.string(), info.dtype, info.bytes});
    file_bytes_ += info.bytes;
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
  const auto [found, fresh] = tensors_.emplace(
      name, Tensor{mx::contiguous(array), folder_.string(), dtype.str()});
  if (!fresh) {
    throw StartError(
        kExitBadData,
        fmt::format(
            "{}: tensor {} is there, and others that stand for it as well",
            found->second.file, name));
  }
}

void TensorStore::rename(const std::string& from, const std::string& to) {
  auto node = tensors_.extract(from);
  if (!node) {
    miss(from, "");
  }
  node.key() = to;
  const auto done = tensors_.insert(std::move(node));
  if (!done.inserted) {
    throw StartError(
        kExitBadData, fmt::format(
                          "{}: tensor {} stands for {}, which is there as well",
                          done.node.mapped().file, from, to));
  }
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

size_t TensorStore::drop(
    const std::function<bool(const std::string&)>& is_dropped) {
  return std::erase_if(tensors_, [&](const auto& entry) {
    const bool gone = is_dropped(entry.first);
    file_bytes_ -= gone ? entry.second.file_bytes : 0;
    return gone;
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

} // namespace parallm
