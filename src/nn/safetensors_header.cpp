#include "nn/safetensors_header.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/lfs_pointer.h"

namespace parallm {
namespace {

namespace json = boost::json;

constexpr uint64_t kMostHeaderBytes = 100'000'000; // as in the format's library
constexpr uint64_t kMostNumbers = uint64_t{1} << 48; // of a tensor
constexpr uint64_t kMostBytes = uint64_t{1} << 60;   // of all
constexpr uint64_t kSizeBytes = 8; // of the header's length, in front of it
constexpr size_t kMostAxes = 8;
constexpr size_t kMostNameBytes = 1024;

constexpr std::pair<std::string_view, mx::Dtype> kTypes[] = {
    {"F64", mx::float64},   {"F32", mx::float32},   {"F16", mx::float16},
    {"BF16", mx::bfloat16}, {"I64", mx::int64},     {"I32", mx::int32},
    {"I16", mx::int16},     {"I8", mx::int8},       {"U64", mx::uint64},
    {"U32", mx::uint32},    {"U16", mx::uint16},    {"U8", mx::uint8},
    {"BOOL", mx::bool_},    {"F8_E4M3", mx::uint8}, {"F8_E8M0", mx::uint8}};

const mx::Dtype* find_type(std::string_view name) {
  const auto* found = std::ranges::find(
      kTypes, name, [](const auto& type) { return type.first; });
  return found == std::end(kTypes) ? nullptr : &found->second;
}

// The end of a string in a valid JSON text; it begins at `quote`.
size_t end_of_string(std::string_view text, size_t quote) {
  size_t at = quote + 1;
  while (text[at] != '"') {
    at += text[at] == '\\' ? 2 : 1;
  }
  return at;
}

// The keys of all objects in a valid JSON text as they are written, twice if
// they are. The parser would keep the last of equal ones and say nothing.
size_t written_keys(std::string_view text) {
  size_t keys = 0;
  for (size_t at = text.find('"'); at < text.size(); at = text.find('"', at)) {
    at = end_of_string(text, at) + 1;
    keys += text[text.find_first_not_of(" \t\r\n", at)] == ':';
  }
  return keys;
}

size_t kept_keys(const json::value& value) {
  size_t keys = 0;
  if (const auto* object = value.if_object()) {
    keys += object->size();
    for (const auto& field : *object) {
      keys += kept_keys(field.value());
    }
  } else if (const auto* array = value.if_array()) {
    for (const auto& element : *array) {
      keys += kept_keys(element);
    }
  }
  return keys;
}

// A line of a log should stay one.
bool is_printable(std::string_view name) {
  return std::ranges::none_of(name, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

std::string known_types() {
  std::vector<std::string_view> names;
  for (const auto& [name, dtype] : kTypes) {
    names.push_back(name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

class HeaderReader {
 public:
  explicit HeaderReader(const std::filesystem::path& path)
      : path_(path), file_(path), file_bytes_(file_.stamp().bytes) {}

  TensorFile read() {
    read_size();
    std::vector<TensorInfo> tensors;
    for (const auto& field : read_header()) {
      if (field.key() != "__metadata__") {
        tensors.push_back(read_tensor(field.key(), field.value()));
      }
    }
    expect_whole(tensors);
    return {path_, std::move(tensors), file_.stamp()};
  }

 private:
  [[noreturn]] void refuse(const std::string& complaint) const {
    throw StartError(
        kExitBadData, fmt::format("{}: {}", path_.string(), complaint));
  }

  void read_bytes(uint64_t begin, void* to, size_t bytes) const {
    try {
      file_.read(begin, to, bytes);
    } catch (const std::system_error& error) {
      refuse(fmt::format("its header cannot be read: {}", error.what()));
    }
  }

  // Before memory is asked for: the length may be anything.
  void read_size() {
    if (file_bytes_ < kSizeBytes) {
      refuse(fmt::format("truncated: only {} bytes", file_bytes_));
    }
    uint8_t size[kSizeBytes] = {};
    read_bytes(0, size, sizeof(size));
    for (int i = kSizeBytes - 1; i >= 0; --i) {
      header_bytes_ = header_bytes_ << 8 | size[i];
    }
    if (header_bytes_ > kMostHeaderBytes) {
      expect_no_pointer();
      refuse(fmt::format(
          "not a safetensors file: its header would take {} bytes, expected "
          "at most {}",
          header_bytes_, kMostHeaderBytes));
    }
    if (header_bytes_ > file_bytes_ - kSizeBytes) {
      refuse(fmt::format(
          "truncated: {} bytes, its header alone takes {}", file_bytes_,
          header_bytes_ + kSizeBytes));
    }
  }

  void expect_no_pointer() const {
    std::string start(std::min<uint64_t>(file_bytes_, 64), '\0');
    read_bytes(0, start.data(), start.size());
    if (is_lfs_pointer(start)) {
      refuse(kLfsPointer);
    }
  }

  json::object read_header() {
    std::string text(header_bytes_, '\0');
    read_bytes(kSizeBytes, text.data(), text.size());
    boost::system::error_code error;
    json::value value = json::parse(text, error);
    if (error || !value.is_object()) {
      refuse("corrupt: its header is not a JSON object");
    }
    if (written_keys(text) != kept_keys(value)) {
      refuse("corrupt: its header says something twice");
    }
    return std::move(value.as_object());
  }

  void expect_name(std::string_view name) const {
    if (name.size() > kMostNameBytes || !is_printable(name)) {
      refuse(fmt::format(
          "corrupt: a tensor's name has {} bytes, expected at most {}, none "
          "of them a control character",
          name.size(), kMostNameBytes));
    }
  }

  template <class Field>
  Field read_field(
      std::string_view name,
      const json::value& tensor,
      std::string_view key,
      std::string_view expected) const {
    try {
      return json::value_to<Field>(tensor.at(key));
    } catch (const std::exception&) {
      refuse(
          fmt::format("corrupt: tensor {} lacks {}, {}", name, key, expected));
    }
  }

  TensorInfo read_tensor(std::string_view name, const json::value& value) {
    expect_name(name);
    TensorInfo tensor{
        .name = std::string(name),
        .dtype = read_field<std::string>(name, value, "dtype", "a text"),
        .shape = read_field<std::vector<int64_t>>(
            name, value, "shape", "a list of numbers")};
    const auto [begin, end] = read_field<std::array<uint64_t, 2>>(
        name, value, "data_offsets", "two numbers from 0");
    tensor.bytes = bytes_of(tensor);
    if (begin > end || end > kMostBytes) {
      refuse(fmt::format(
          "corrupt: tensor {} lies from {} to {}, which is nowhere", name,
          begin, end));
    }
    if (end - begin != tensor.bytes) {
      refuse(fmt::format(
          "corrupt: tensor {} takes {} bytes, its shape needs {}", name,
          end - begin, tensor.bytes));
    }
    tensor.begin = kSizeBytes + header_bytes_ + begin;
    return tensor;
  }

  size_t bytes_of(const TensorInfo& tensor) const {
    const auto* type = find_type(tensor.dtype);
    if (!type) {
      refuse(fmt::format(
          "tensor {} has the unknown type {:.20}, expected {}", tensor.name,
          tensor.dtype, known_types()));
    }
    expect_shape(tensor);
    uint64_t numbers = 1;
    for (const int64_t n : tensor.shape) {
      numbers *= static_cast<uint64_t>(n);
    }
    return numbers * type->size();
  }

  // Sizes of 0 do not count here: MLX multiplies the others too.
  void expect_shape(const TensorInfo& tensor) const {
    if (tensor.shape.size() > kMostAxes) {
      refuse(fmt::format(
          "corrupt: tensor {} has {} axes, expected at most {}", tensor.name,
          tensor.shape.size(), kMostAxes));
    }
    uint64_t numbers = 1;
    for (const int64_t n : tensor.shape) {
      const auto size = static_cast<uint64_t>(std::max<int64_t>(n, 1));
      if (n < 0 || n > std::numeric_limits<int32_t>::max() ||
          numbers > kMostNumbers / size) {
        refuse(fmt::format(
            "corrupt: tensor {} has shape ({}), expected sizes of at most {} "
            "and a product of at most {}",
            tensor.name, fmt::join(tensor.shape, ", "),
            std::numeric_limits<int32_t>::max(), kMostNumbers));
      }
      numbers *= size;
    }
  }

  // Leaves the tensors in the order in which they lie.
  void expect_whole(std::vector<TensorInfo>& tensors) const {
    std::ranges::sort(tensors, {}, [](const TensorInfo& t) {
      return std::pair(t.begin, t.bytes);
    });
    uint64_t end = kSizeBytes + header_bytes_;
    const TensorInfo* last = nullptr;
    for (const auto& tensor : tensors) {
      if (tensor.begin < end) {
        refuse(fmt::format(
            "corrupt: tensor {} overlaps {}", tensor.name,
            last ? last->name : "the header"));
      }
      if (tensor.begin > end) {
        refuse(fmt::format(
            "corrupt: {} bytes in front of tensor {} are nobody's",
            tensor.begin - end, tensor.name));
      }
      end = tensor.begin + tensor.bytes;
      last = &tensor;
    }
    expect_size(end);
  }

  void expect_size(uint64_t expected) const {
    if (file_bytes_ != expected) {
      refuse(fmt::format(
          "{}: {} bytes, its header describes {}",
          file_bytes_ < expected ? "truncated" : "corrupt", file_bytes_,
          expected));
    }
  }

  std::filesystem::path path_;
  MappedFile file_;
  uint64_t file_bytes_ = 0;
  uint64_t header_bytes_ = 0;
};

} // namespace

TensorFile read_safetensors_header(const std::filesystem::path& file) {
  return HeaderReader(file).read();
}

mx::Dtype dtype_of(const TensorInfo& tensor) {
  const auto* type = find_type(tensor.dtype);
  PARALLM_CHECK(type, "tensor {} of type {}", tensor.name, tensor.dtype);
  return *type;
}

bool is_float(const TensorInfo& tensor) {
  return mx::issubdtype(dtype_of(tensor), mx::floating);
}

} // namespace parallm
