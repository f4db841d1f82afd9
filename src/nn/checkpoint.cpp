#include "nn/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <unordered_map>

#include "base/check.h"
#include "kernels/allocation.h"
#include "nn/config_json.h"

namespace parallm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIndex = "model.safetensors.index.json";
constexpr size_t kNamesShown = 5;

// The files that an index names. A name with a folder in it could lead
// anywhere on the disk.
std::set<std::string> indexed_files(const ConfigJson& map) {
  std::set<std::string> names;
  for (const auto& tensor : map.keys()) {
    const std::string name = map.text(tensor);
    if (name.empty() || fs::path(name).filename() != name || name == "..") {
      map.refuse_value(tensor, "the name of a file in the same folder");
    }
    names.insert(name);
  }
  return names;
}

WeightFiles read_indexed(const fs::path& folder, const ConfigJson& index) {
  const ConfigJson map = index.object("weight_map");
  WeightFiles found;
  for (const auto& name : indexed_files(map)) {
    if (!fs::exists(folder / name)) {
      throw StartError(
          kExitNotFound, fmt::format(
                             "{}: the file {} is named here but absent",
                             (folder / kIndex).string(), name));
    }
    found.files.push_back(
        {folder / name, read_safetensors_header(folder / name)});
  }
  for (const auto& tensor : map.keys()) {
    if (!found.tensor(tensor)) {
      map.refuse(tensor, fmt::format("is not in {}", map.text(tensor)));
    }
  }
  return found;
}

void expect_distinct(const WeightFiles& found) {
  std::map<std::string, std::string> owner;
  for (const auto& file : found.files) {
    for (const auto& tensor : file.tensors) {
      const auto [other, fresh] =
          owner.emplace(tensor.name, file.path.filename().string());
      if (!fresh) {
        throw StartError(
            kExitBadData, fmt::format(
                              "{}: tensor {} is also in {}", file.path.string(),
                              tensor.name, other->second));
      }
    }
  }
}

// What MLX threw while it read: the machine's fault, or the file's.
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

// Lazy: the header is read now, the numbers when they are evaluated.
std::unordered_map<std::string, mx::array> open_arrays(const fs::path& file) {
  try {
    return mx::load_safetensors(file.string()).first;
  } catch (const std::exception& error) {
    throw unreadable(file, error);
  }
}

} // namespace

WeightFiles WeightFiles::find(const fs::path& folder) {
  if (const auto index = ConfigJson::read_if_present(folder / kIndex)) {
    WeightFiles found = read_indexed(folder, *index);
    expect_distinct(found);
    return found;
  }
  const fs::path single = folder / "model.safetensors";
  if (!fs::exists(single)) {
    throw StartError(
        kExitNotFound, fmt::format(
                           "{}: holds neither model.safetensors nor {}",
                           folder.string(), kIndex));
  }
  WeightFiles found;
  found.files.push_back({single, read_safetensors_header(single)});
  return found;
}

const TensorInfo* WeightFiles::tensor(const std::string& name) const {
  for (const auto& file : files) {
    for (const auto& tensor : file.tensors) {
      if (tensor.name == name) {
        return &tensor;
      }
    }
  }
  return nullptr;
}

Checkpoint::Checkpoint(const fs::path& folder, std::optional<mx::Dtype> dtype)
    : folder_(folder), dtype_(dtype) {
  for (const auto& file : WeightFiles::find(folder).files) {
    const auto arrays = open_arrays(file.path);
    for (const auto& info : file.tensors) {
      tensors_.emplace(
          info.name,
          Tensor{arrays.at(info.name), file.path.string(), info.dtype});
    }
  }
}

bool Checkpoint::has(const std::string& name) const {
  return tensors_.contains(name);
}

Checkpoint::Tensor Checkpoint::extract(
    const std::string& name, const mx::Shape& shape) {
  auto node = tensors_.extract(name);
  if (!node) {
    throw StartError(
        kExitBadData, fmt::format(
                          "{}: tensor {} is missing, expected shape ({})",
                          folder_.string(), name, fmt::join(shape, ", ")));
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

mx::array Checkpoint::take(const std::string& name, const mx::Shape& shape) {
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
  taken_.push_back(mx::astype(tensor.array, dtype_.value_or(own)));
  return taken_.back();
}

mx::array Checkpoint::take_packed(
    const std::string& name, const mx::Shape& shape) {
  const Tensor tensor = extract(name, shape);
  if (tensor.array.dtype() != mx::uint32) {
    throw StartError(
        kExitBadData, fmt::format(
                          "{}: tensor {} has type {}, expected U32",
                          tensor.file, name, tensor.dtype));
  }
  taken_.push_back(tensor.array);
  return tensor.array;
}

void Checkpoint::drop(std::string_view name_end) {
  std::erase_if(tensors_, [&](const auto& entry) {
    return entry.first.ends_with(name_end);
  });
}

void Checkpoint::expect_empty() const {
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
          "{}: {} tensor{} left over: {}", tensors_.begin()->second.file,
          tensors_.size(), tensors_.size() == 1 ? " is" : "s are",
          fmt::join(names, ", ")));
}

void Checkpoint::expect_memory() const {
  size_t bytes = 0;
  for (const auto& array : taken_) {
    bytes += array.nbytes();
  }
  if (!can_allocate(bytes)) {
    throw StartError(
        kExitNoMemory,
        fmt::format(
            "{}: not enough memory: the system refuses {} bytes for the "
            "weights",
            folder_.string(), bytes));
  }
}

void Checkpoint::finish() {
  expect_empty();
  expect_memory();
  try {
    mx::eval(taken_);
  } catch (const std::exception& error) {
    throw unreadable(folder_, error);
  }
  taken_.clear();
}

} // namespace parallm
