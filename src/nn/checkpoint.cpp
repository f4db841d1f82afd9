#include "nn/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/check.h"
#include "kernels/allocation.h"
#include "nn/config_json.h"

namespace parallm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIndex = "model.safetensors.index.json";

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

template <class Fits>
const TensorInfo* WeightFiles::find_tensor(Fits fits) const {
  for (const auto& file : files) {
    const auto found = std::ranges::find_if(file.tensors, fits);
    if (found != file.tensors.end()) {
      return &*found;
    }
  }
  return nullptr;
}

const TensorInfo* WeightFiles::tensor(const std::string& name) const {
  return find_tensor([&](const TensorInfo& t) { return t.name == name; });
}

const TensorInfo* WeightFiles::tensor_ending_in(std::string_view end) const {
  return find_tensor(
      [&](const TensorInfo& t) { return t.name.ends_with(end); });
}

Checkpoint::Checkpoint(
    const fs::path& folder,
    std::optional<mx::Dtype> dtype,
    std::optional<Adapter> adapter)
    : folder_(folder),
      dtype_(dtype),
      weights_(folder, WeightFiles::find(folder).files),
      adapter_(std::move(adapter)) {
}

bool Checkpoint::has(const std::string& name) const {
  return weights_.has(name);
}

mx::array Checkpoint::take(const std::string& name, const mx::Shape& shape) {
  taken_.push_back(weights_.take(name, shape, dtype_));
  return taken_.back();
}

mx::array Checkpoint::take_float32(
    const std::string& name, const mx::Shape& shape) {
  taken_.push_back(weights_.take(name, shape, mx::float32));
  return taken_.back();
}

mx::array Checkpoint::take_packed(
    const std::string& name, const mx::Shape& shape) {
  taken_.push_back(weights_.take_packed(name, shape));
  return taken_.back();
}

mx::array Checkpoint::take_bytes(
    const std::string& name, const mx::Shape& shape) {
  taken_.push_back(weights_.take_bytes(name, shape));
  return taken_.back();
}

std::optional<LoraTensors> Checkpoint::take_lora(
    const std::string& name, int inputs, int outputs) {
  return adapter_ ? adapter_->take(name, inputs, outputs) : std::nullopt;
}

void Checkpoint::expect_no_lora(
    const std::string& name, std::string_view kind) const {
  if (adapter_) {
    adapter_->expect_none(name, kind);
  }
}

mx::array Checkpoint::keep(const mx::array& form, size_t scratch_bytes) {
  kept_.push_back(form);
  scratch_bytes_ = std::max(scratch_bytes_, scratch_bytes);
  return form;
}

void Checkpoint::drop(std::string_view name_end) {
  weights_.drop(name_end);
}

void Checkpoint::expect_memory() const {
  size_t bytes = scratch_bytes_;
  for (const auto* arrays : {&taken_, &kept_}) {
    for (const auto& array : *arrays) {
      bytes += array.nbytes();
    }
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

// Forms one by one, so that what one of them needs on the way is free again
// for the next.
void Checkpoint::read_all() {
  mx::eval(taken_);
  for (auto& form : kept_) {
    mx::eval(form);
  }
}

void Checkpoint::finish() {
  weights_.expect_empty();
  if (adapter_) {
    adapter_->expect_empty();
  }
  expect_memory();
  try {
    read_all();
  } catch (const std::exception& error) {
    throw unreadable(folder_, error);
  }
  taken_.clear();
  kept_.clear();
}

} // namespace parallm
