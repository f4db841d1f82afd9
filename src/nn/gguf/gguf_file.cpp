#include "nn/gguf/gguf_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
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
constexpr uint64_t kMostTextBytes = 64 << 20;
constexpr uint64_t kMostListItems = 1 << 24;
constexpr int kMostListDepth = 4;
constexpr uint32_t kMostDimensions = 4;
constexpr uint64_t kMostNumbers = uint64_t{1} << 48; // of a tensor
constexpr int64_t kUsualAlignment = 32, kMostAlignment = 1 << 20;

// The fewest bytes that a key with its value, a tensor or a string takes.
constexpr uint64_t kKeyBytes = 8 + 4 + 1;
constexpr uint64_t kTensorBytes = 8 + 4 + 8 + 4 + 8;
constexpr uint64_t kTextBytes = 8;

enum class ValueType : uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kList,
  kUint64,
  kInt64,
  kFloat64,
};

constexpr uint64_t bytes_of(ValueType type) {
  constexpr uint8_t kBytes[] = {1, 1,          2,  2, 4, 4, 4,
                                1, kTextBytes, 12, 8, 8, 8};
  return kBytes[static_cast<uint32_t>(type)];
}

ValueType read_type(GgufReader& in) {
  const auto code = in.number<uint32_t>();
  if (code > static_cast<uint32_t>(ValueType::kFloat64)) {
    in.refuse(fmt::format(
        "has the value type {}, expected 0 to {}", code,
        static_cast<uint32_t>(ValueType::kFloat64)));
  }
  return static_cast<ValueType>(code);
}

bool read_bool(GgufReader& in) {
  const auto byte = in.number<uint8_t>();
  if (byte > 1) {
    in.refuse(fmt::format("is a flag of value {}, expected 0 or 1", byte));
  }
  return byte == 1;
}

GgufValue read_uint64(GgufReader& in) {
  const auto value = in.number<uint64_t>();
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (value > kMost) {
    return static_cast<double>(value);
  }
  return static_cast<int64_t>(value);
}

GgufValue read_list(GgufReader& in, int depth);

GgufValue read_value(GgufReader& in, ValueType type, int depth) {
  switch (type) {
    case ValueType::kUint8:
      return int64_t{in.number<uint8_t>()};
    case ValueType::kInt8:
      return int64_t{in.number<int8_t>()};
    case ValueType::kUint16:
      return int64_t{in.number<uint16_t>()};
    case ValueType::kInt16:
      return int64_t{in.number<int16_t>()};
    case ValueType::kUint32:
      return int64_t{in.number<uint32_t>()};
    case ValueType::kInt32:
      return int64_t{in.number<int32_t>()};
    case ValueType::kFloat32:
      return double{in.number<float>()};
    case ValueType::kBool:
      return read_bool(in);
    case ValueType::kString:
      return in.string(kMostTextBytes);
    case ValueType::kList:
      return read_list(in, depth + 1);
    case ValueType::kUint64:
      return read_uint64(in);
    case ValueType::kInt64:
      return in.number<int64_t>();
    case ValueType::kFloat64:
      break;
  }
  return in.number<double>();
}

// Of one kind, as the format has it; a flag counts as 0 or 1.
template <class Item>
Item item_of(const GgufValue& value) {
  if constexpr (!std::is_same_v<Item, std::string>) {
    if (const auto* flag = std::get_if<bool>(&value)) {
      return Item(*flag);
    }
    if (const auto* whole = std::get_if<int64_t>(&value)) {
      return Item(*whole);
    }
  }
  const auto* item = std::get_if<Item>(&value);
  return item ? *item : Item{};
}

template <class Item>
GgufValue read_items(GgufReader& in, ValueType type, uint64_t count) {
  std::vector<Item> items;
  items.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    items.push_back(item_of<Item>(read_value(in, type, 0)));
  }
  return items;
}

GgufValue skip_lists(GgufReader& in, uint64_t count, int depth) {
  for (uint64_t i = 0; i < count; ++i) {
    read_list(in, depth + 1);
  }
  return {};
}

GgufValue read_list(GgufReader& in, int depth) {
  if (depth > kMostListDepth) {
    in.refuse(fmt::format(
        "has lists in lists, expected at most {} in each other",
        kMostListDepth));
  }
  const ValueType type = read_type(in);
  const uint64_t count = in.count(kMostListItems, bytes_of(type), "items");
  switch (type) {
    case ValueType::kList:
      return skip_lists(in, count, depth);
    case ValueType::kString:
      return read_items<std::string>(in, type, count);
    case ValueType::kFloat32:
    case ValueType::kFloat64:
    case ValueType::kUint64: // may be beyond int64
      return read_items<double>(in, type, count);
    default:
      return read_items<int64_t>(in, type, count);
  }
}

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
      in_.refuse("not a GGUF file: it does not begin with GGUF and a head");
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

  void read_metadata(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      in_.about(fmt::format("key number {}", i));
      const std::string key = in_.string(kMostKeyBytes);
      in_.about(key);
      const ValueType type = read_type(in_);
      if (!file_.metadata.emplace(key, read_value(in_, type, 0)).second) {
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
      if (n < 1 || n > std::numeric_limits<int32_t>::max() ||
          numbers > kMostNumbers / n) {
        in_.refuse(fmt::format(
            "has a dimension of {}, expected 1 to {}, and at most 2^48 numbers "
            "in all",
            n, std::numeric_limits<int32_t>::max()));
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
          "has the type {}, expected F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K or "
          "Q6_K",
          name.empty() ? fmt::format("{}", code) : name));
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
