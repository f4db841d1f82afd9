#include "nn/gguf/gguf_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/lfs_pointer.h"
#include "nn/gguf/gguf_reader.h"

namespace parallm {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kMagic = 0x46554747; // "GGUF"
constexpr uint32_t kOldest = 2, kNewest = 3;

// What the format says, where it says something; else far above what is met.
constexpr uint64_t kMostKeys = 1 << 16;
constexpr uint64_t kMostTensors = 1 << 18;
constexpr uint64_t kMostKeyBytes = (1 << 16) - 1;
constexpr uint64_t kMostTensorNameBytes = 64;
constexpr uint32_t kMostDimensions = 4;
// A row's bytes, too, are a dimension of an array, and so an int32.
constexpr uint64_t kMostDimension = uint64_t{1} << 28;
constexpr uint64_t kMostNumbers = uint64_t{1} << 48; // of a tensor
constexpr int64_t kUsualAlignment = 32, kMostAlignment = 1 << 20;

// The fewest bytes that a key with its value, or a tensor takes.
constexpr uint64_t kKeyBytes = 8 + 4 + 1;
constexpr uint64_t kTensorBytes = 8 + 4 + 8 + 4 + 8;

class HeadReader {
 public:
  explicit HeadReader(const std::filesystem::path& file)
      : in_(file), file_{.path = file, .stamp = in_.stamp()} {}

  GgufFile read() {
    read_version();
    const uint64_t tensors = in_.count(kMostTensors, kTensorBytes, "tensors");
    read_metadata(in_.count(kMostKeys, kKeyBytes, "keys"));
    read_alignment();
    for (uint64_t i = 0; i < tensors; ++i) {
      read_tensor();
    }
    in_.about("");
    place(aligned(in_.at()));
    return std::move(file_);
  }

 private:
  void read_version() {
    if (file_.stamp.bytes < 24 || in_.number<uint32_t>() != kMagic) {
      in_.refuse(
          is_pointer() ? kLfsPointer
                       : "not a GGUF file: it does not begin with GGUF and a "
                         "head");
    }
    const auto version = in_.number<uint32_t>();
    if ((version & 0xffffu) == 0 && version != 0) {
      in_.refuse("is big-endian, which this version does not read");
    }
    if (version < kOldest || version > kNewest) {
      in_.refuse(fmt::format(
          "is of version {} of the format, expected {} or {}", version, kOldest,
          kNewest));
    }
  }

  bool is_pointer() const {
    std::string start(kLfsPointerBegin.size(), '\0');
    std::ifstream(file_.path, std::ios::binary)
        .read(start.data(), static_cast<std::streamsize>(start.size()));
    return is_lfs_pointer(start);
  }

  void read_metadata(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      in_.about(fmt::format("key number {}", i));
      const std::string key = in_.string(kMostKeyBytes);
      in_.about(key);
      if (!file_.metadata.emplace(key, read_gguf_value(in_)).second) {
        in_.refuse("is there twice");
      }
    }
  }

  void read_alignment() {
    const auto found = file_.metadata.find("general.alignment");
    if (found == file_.metadata.end()) {
      return;
    }
    in_.about("general.alignment");
    const auto* value = std::get_if<int64_t>(&found->second);
    if (!value || *value < 8 || *value > kMostAlignment || *value % 8 != 0) {
      in_.refuse(fmt::format(
          "is {}, expected a multiple of 8 up to {}",
          value ? fmt::format("{}", *value) : "no whole number",
          kMostAlignment));
    }
    alignment_ = static_cast<uint64_t>(*value);
  }

  uint64_t aligned(uint64_t at) const {
    return (at + alignment_ - 1) / alignment_ * alignment_;
  }

  void read_tensor() {
    in_.about(fmt::format("tensor number {}", file_.tensors.size()));
    GgufTensor tensor{.name = in_.string(kMostTensorNameBytes)};
    in_.about("tensor " + tensor.name);
    read_shape(tensor);
    read_tensor_type(tensor);
    tensor.begin = in_.number<uint64_t>(); // in the data, as yet
    if (tensor.begin % alignment_ != 0 || tensor.begin > file_.stamp.bytes) {
      in_.refuse(fmt::format(
          "lies at {}, expected a multiple of {} up to {}", tensor.begin,
          alignment_, file_.stamp.bytes));
    }
    file_.tensors.push_back(std::move(tensor));
  }

  void read_shape(GgufTensor& tensor) {
    const auto dimensions = in_.number<uint32_t>();
    if (dimensions < 1 || dimensions > kMostDimensions) {
      in_.refuse(fmt::format(
          "has {} dimensions, expected 1 to {}", dimensions, kMostDimensions));
    }
    uint64_t numbers = 1;
    for (uint32_t i = 0; i < dimensions; ++i) {
      const auto n = in_.number<uint64_t>();
      if (n < 1 || n > kMostDimension || numbers > kMostNumbers / n) {
        in_.refuse(fmt::format(
            "has a dimension of {}, expected 1 to {}, and at most 2^48 numbers "
            "in all",
            n, kMostDimension));
      }
      numbers *= n;
      tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(n));
    }
    numbers_ = numbers;
  }

  void read_tensor_type(GgufTensor& tensor) {
    const auto code = in_.number<uint32_t>();
    const auto type = gguf_type(code);
    if (!type) {
      const auto name = gguf_type_name(code);
      in_.refuse(fmt::format(
          "has the type {}, expected one of {}",
          name.empty() ? fmt::format("{}", code) : name, gguf_types_read()));
    }
    if (tensor.shape.back() % type->block_numbers != 0) {
      in_.refuse(fmt::format(
          "has rows of {} numbers, expected a multiple of {}, as its type is "
          "{}",
          tensor.shape.back(), type->block_numbers, type->name));
    }
    tensor.type = type->type;
    tensor.bytes = numbers_ / type->block_numbers * type->block_bytes;
  }

  // From offsets in the data to places in the file.
  void place(uint64_t data) {
    expect_distinct();
    std::ranges::sort(file_.tensors, {}, &GgufTensor::begin);
    uint64_t end = data;
    const GgufTensor* last = nullptr;
    for (auto& tensor : file_.tensors) {
      tensor.begin += data;
      expect_behind(tensor, end, last);
      end = tensor.begin + tensor.bytes;
      expect_inside(tensor, end);
      last = &tensor;
    }
    if (last && file_.stamp.bytes - end >= alignment_) {
      in_.refuse(fmt::format(
          "corrupt: {} bytes behind tensor {} are nobody's",
          file_.stamp.bytes - end, last->name));
    }
  }

  void expect_distinct() {
    std::ranges::sort(file_.tensors, {}, &GgufTensor::name);
    const auto twice =
        std::ranges::adjacent_find(file_.tensors, {}, &GgufTensor::name);
    if (twice != file_.tensors.end()) {
      in_.refuse(
          fmt::format("corrupt: tensor {} is described twice", twice->name));
    }
  }

  void expect_behind(
      const GgufTensor& tensor, uint64_t end, const GgufTensor* last) const {
    if (tensor.begin < end) {
      in_.refuse(fmt::format(
          "corrupt: tensor {} overlaps {}", tensor.name,
          last ? last->name : "the head"));
    }
    if (tensor.begin - end >= alignment_) {
      in_.refuse(fmt::format(
          "corrupt: {} bytes in front of tensor {} are nobody's",
          tensor.begin - end, tensor.name));
    }
  }

  void expect_inside(const GgufTensor& tensor, uint64_t end) const {
    if (end > file_.stamp.bytes) {
      in_.refuse(fmt::format(
          "truncated: {} bytes, tensor {} ends at {}", file_.stamp.bytes,
          tensor.name, end));
    }
  }

  GgufReader in_;
  GgufFile file_;
  uint64_t alignment_ = kUsualAlignment;
  uint64_t numbers_ = 0; // of the tensor that is read
};

bool is_gguf(const fs::path& path) {
  return path.extension() == ".gguf";
}

} // namespace

const GgufTensor* GgufFile::find(const std::string& name) const {
  const auto found = std::ranges::find(tensors, name, &GgufTensor::name);
  return found == tensors.end() ? nullptr : &*found;
}

std::optional<fs::path> find_gguf(const fs::path& model) {
  if (!fs::is_directory(model)) {
    return is_gguf(model) && fs::exists(model) ? std::optional(model)
                                               : std::nullopt;
  }
  if (fs::exists(model / "config.json")) {
    return std::nullopt;
  }
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(model)) {
    if (is_gguf(entry.path())) {
      found.push_back(entry.path());
    }
  }
  if (found.size() > 1) {
    throw StartError(
        kExitBadData,
        fmt::format(
            "{}: holds {} .gguf files, expected one; give the path of the one "
            "that is meant",
            model.string(), found.size()));
  }
  return found.empty() ? std::nullopt : std::optional(found.front());
}

GgufFile read_gguf(const std::filesystem::path& file) {
  return HeadReader(file).read();
}

} // namespace parallm
