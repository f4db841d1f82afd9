#include "nn/checkpoint.h"

#include <fmt/format.h>
#include <mlx/primitives.h>

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

// Each tensor's file; it has one only.
std::map<std::string, std::string> expect_distinct(const WeightFiles& found) {
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
  return owner;
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
    found.files.push_back(read_safetensors_header(folder / name));
  }
  const auto owner = expect_distinct(found);
  for (const auto& tensor : map.keys()) {
    if (!owner.contains(tensor)) {
      map.refuse(tensor, fmt::format("is not in {}", map.text(tensor)));
    }
  }
  return found;
}

// Where no index names them. mlx-lm takes all model*.safetensors.
std::set<fs::path> unindexed_files(const fs::path& folder) {
  const fs::path single = folder / "model.safetensors";
  if (fs::exists(single)) {
    return {single};
  }
  std::set<fs::path> paths;
  std::error_code absent; // the folder
  for (const auto& entry : fs::directory_iterator(folder, absent)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("model") && name.ends_with(".safetensors")) {
      paths.insert(entry.path());
    }
  }
  return paths;
}

std::string hint_at_pytorch(const fs::path& folder) {
  std::error_code absent; // the folder
  for (const auto& entry : fs::directory_iterator(folder, absent)) {
    if (entry.path().extension() == ".bin") {
      return "; PyTorch's .bin files are not read: transformers' "
             "save_pretrained writes them as safetensors";
    }
  }
  return "";
}

using Ids = std::set<std::uintptr_t>;

bool is_made_by(std::string_view primitive, const mx::array& array) {
  return array.has_primitive() && array.primitive().name() == primitive;
}

// To lie row by row it needs a place of its own.
bool is_transposed_copy(const mx::array& array) {
  return is_made_by("Contiguous", array) &&
         is_made_by("Transpose", array.inputs()[0]);
}

// Whether an array shows its only input in another way, or takes its place: it
// is as large. What is held stays, so that its place is not free.
bool stands_for_input(const mx::array& array, const Ids& held) {
  const auto& inputs = array.inputs();
  return inputs.size() == 1 && inputs[0].nbytes() == array.nbytes() &&
         !held.contains(inputs[0].id()) && !is_transposed_copy(array);
}

// The array whose memory this one has.
mx::array origin(mx::array array, const Ids& held) {
  while (stands_for_input(array, held)) {
    array = mx::array(array.inputs()[0]);
  }
  return array;
}

// What an array takes beside itself, at most, while it is evaluated. Those that
// are held count for themselves.
size_t bytes_on_the_way(const mx::array& array, const Ids& held) {
  size_t bytes = 0;
  Ids seen;
  std::vector<mx::array> left = origin(array, held).inputs();
  while (!left.empty()) {
    const mx::array next = left.back();
    left.pop_back();
    if (held.contains(next.id()) || !seen.insert(next.id()).second) {
      continue;
    }
    bytes +=
        takes_memory(next) && !stands_for_input(next, held) ? next.nbytes() : 0;
    left.insert(left.end(), next.inputs().begin(), next.inputs().end());
  }
  return bytes;
}

// What was thrown while weights were read: the machine's fault, or the file's.
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

} // namespace

WeightFiles WeightFiles::find(const fs::path& folder) {
  if (const auto index = ConfigJson::read_if_present(folder / kIndex)) {
    return read_indexed(folder, *index);
  }
  WeightFiles found;
  for (const auto& path : unindexed_files(folder)) {
    found.files.push_back(read_safetensors_header(path));
  }
  if (found.files.empty()) {
    throw StartError(
        kExitNotFound, fmt::format(
                           "{}: holds neither model.safetensors nor {}{}",
                           folder.string(), kIndex, hint_at_pytorch(folder)));
  }
  expect_distinct(found);
  return found;
}

struct Checkpoint::Meter {
  OnProgress tell;
  size_t all = 0;
  size_t read = 0;

  void add(size_t bytes) {
    read += bytes;
    if (tell) {
      tell(read, all);
    }
  }
};

Checkpoint::Checkpoint(
    const fs::path& folder,
    std::optional<mx::Dtype> dtype,
    std::optional<Adapter> adapter,
    OnProgress on_progress)
    : Checkpoint(
          folder,
          WeightFiles::find(folder),
          dtype,
          std::move(adapter),
          std::move(on_progress)) {
}

Checkpoint::Checkpoint(
    const fs::path& path,
    const WeightFiles& files,
    std::optional<mx::Dtype> dtype,
    std::optional<Adapter> adapter,
    OnProgress on_progress)
    : folder_(path),
      dtype_(dtype),
      meter_(std::make_shared<Meter>(Meter{std::move(on_progress)})),
      weights_(
          path,
          files.files,
          [meter = meter_](size_t bytes) { meter->add(bytes); }),
      adapter_(std::move(adapter)) {
}

bool Checkpoint::has(const std::string& name) const {
  return weights_.has(name);
}

void Checkpoint::refuse(
    const std::string& name, const std::string& complaint) const {
  throw StartError(
      kExitBadData,
      fmt::format("{}: tensor {} {}", folder_.string(), name, complaint));
}

void Checkpoint::leave_out(
    const std::string& part,
    const std::string& why,
    const std::function<bool(const std::string&)>& is_dropped) {
  const size_t bytes_before = weights_.file_bytes();
  const size_t tensors = weights_.drop(is_dropped);
  if (tensors > 0) {
    left_out_.push_back(fmt::format(
        "{}, {} tensor{} of {:.1f} MiB: {}", part, tensors,
        tensors == 1 ? "" : "s",
        static_cast<double>(bytes_before - weights_.file_bytes()) / (1 << 20),
        why));
  }
}

void Checkpoint::drop_zeros(const std::string& name) {
  zeros_.emplace(name, weights_.pull(name));
}

mx::array Checkpoint::take(const std::string& name, const mx::Shape& shape) {
  return keep(weights_.take(name, shape, dtype_));
}

mx::array Checkpoint::take_float32(
    const std::string& name, const mx::Shape& shape) {
  return keep(weights_.take(name, shape, mx::float32));
}

mx::array Checkpoint::take_packed(
    const std::string& name, const mx::Shape& shape) {
  return keep(weights_.take_packed(name, shape));
}

mx::array Checkpoint::take_bytes(
    const std::string& name, const mx::Shape& shape) {
  return keep(weights_.take_bytes(name, shape));
}

std::optional<LoraTensors> Checkpoint::take_lora(
    const std::string& name, int inputs, int outputs) {
  return adapter_ ? adapter_->take(name, inputs, outputs) : std::nullopt;
}

void Checkpoint::reorder_lora(
    const std::string& name, const mx::array& outputs) {
  if (adapter_) {
    adapter_->reorder(name, outputs);
  }
}

void Checkpoint::expect_no_lora(
    const std::string& name, std::string_view kind) const {
  if (adapter_) {
    adapter_->expect_none(name, kind);
  }
}

mx::array Checkpoint::keep(const mx::array& form) {
  held_.push_back(form);
  return form;
}

mx::array Checkpoint::keep_instead(
    const mx::array& taken, const mx::array& form) {
  replace(taken, {form});
  return form;
}

std::vector<mx::array> Checkpoint::keep_split(
    const mx::array& taken, const std::vector<int>& rows) {
  std::vector<mx::array> parts;
  mx::Shape begin(taken.ndim(), 0), end = taken.shape();
  for (const int count : rows) {
    end[0] = begin[0] + count;
    parts.push_back(mx::slice(taken, begin, end));
    begin[0] = end[0];
  }
  replace(taken, parts);
  return parts;
}

// What was taken last is looked for first: it is among the last few.
void Checkpoint::replace(
    const mx::array& taken, const std::vector<mx::array>& forms) {
  const auto found = std::find_if(
      held_.rbegin(), held_.rend(),
      [&](const mx::array& held) { return held.id() == taken.id(); });
  PARALLM_CHECK(found != held_.rend(), "of {} arrays", held_.size());
  const auto place = held_.erase(std::next(found).base());
  held_.insert(place, forms.begin(), forms.end());
}

size_t Checkpoint::held_bytes() const {
  size_t bytes = 0;
  for (const auto& array : held_) {
    bytes += array.nbytes();
  }
  return bytes;
}

size_t Checkpoint::making_bytes() const {
  Ids held;
  for (const auto& array : held_) {
    held.insert(array.id());
  }
  size_t most = 0;
  for (const auto& array : held_) {
    most = std::max(most, bytes_on_the_way(array, held));
  }
  return most;
}

void Checkpoint::expect_empty() const {
  weights_.expect_empty();
  if (adapter_) {
    adapter_->expect_empty();
  }
}

void Checkpoint::expect_memory() const {
  const size_t bytes = held_bytes() + making_bytes();
  if (!can_allocate(bytes)) {
    throw StartError(
        kExitNoMemory,
        fmt::format(
            "{}: not enough memory: the system refuses {} bytes for the "
            "weights",
            folder_.string(), bytes));
  }
}

void Checkpoint::read(mx::array& array) const {
  try {
    mx::eval(array);
  } catch (const StartError&) {
    throw;
  } catch (const std::exception& error) {
    throw unreadable(folder_, error);
  }
  PARALLM_CHECK(
      array.flags().row_contiguous, "a weight of {} bytes", array.nbytes());
}

void Checkpoint::expect_zeros(
    const std::string& name, const mx::array& array) const {
  auto zeros = mx::all(array == mx::array(0, array.dtype()));
  read(zeros);
  if (!zeros.item<bool>()) {
    refuse(
        name,
        "has numbers other than 0, expected none: the model has no such "
        "tensor");
  }
}

// One by one, so that what each is made of is free again for the next.
void Checkpoint::finish() {
  expect_empty();
  expect_memory();
  meter_->all = weights_.file_bytes();
  for (; !held_.empty(); held_.pop_front()) {
    read(held_.front());
  }
  for (; !zeros_.empty(); zeros_.erase(zeros_.begin())) {
    expect_zeros(zeros_.begin()->first, zeros_.begin()->second);
  }
}

} // namespace parallm
