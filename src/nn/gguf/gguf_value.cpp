#include "nn/gguf/gguf_value.h"

#include <fmt/format.h>

#include <limits>
#include <type_traits>

namespace parallm {
namespace {

// Far above what is met.
constexpr uint64_t kMostTextBytes = 64 << 20;
constexpr uint64_t kMostListItems = 1 << 24;
constexpr int kMostListDepth = 4;

constexpr uint64_t kTextBytes = 8; // the fewest of a string

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

} // namespace

GgufValue read_gguf_value(GgufReader& in) {
  const ValueType type = read_type(in);
  return read_value(in, type, 0);
}

} // namespace parallm
