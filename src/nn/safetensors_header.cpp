#include "nn/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace parallm {
namespace {

namespace json = boost::json;

constexpr uint64_t kMostHeaderBytes = 100'000'000; // as in the format's library
constexpr uint64_t kMostNumbers = uint64_t{1} << 48; // of a tensor
constexpr uint64_t kMostBytes = uint64_t{1} << 60;   // of all
constexpr uint64_t kSizeBytes = 8; // of the header's length, in front of it

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

// The keys of a valid JSON object as they are written, twice if they are. The
// parser would keep the last of equal ones and say nothing.
std::vector<std::string_view> written_keys(std::string_view text) {
  std::vector<std::string_view> keys;
  int depth = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    depth += text[at] == '{' || text[at] == '[';
    depth -= text[at] == '}' || text[at] == ']';
    if (text[at] != '"') {
      continue;
    }
    const size_t end = end_of_string(text, at);
    const size_t next = text.find_first_not_of(" \t\r\n", end + 1);
    if (depth == 1 && text[next] == ':') {
      keys.push_back(text.substr(at + 1, end - at - 1));
    }
    at = end;
  }
  return keys;
}

class HeaderReader {
 public:
  explicit HeaderReader(const std::filesystem::path& file)
      : path_(file), in_(file, std::ios::binary) {
    std::error_code error;
    file_bytes_ = std::filesystem::file_size(file, error);
    if (error) {
      throw StartError(
          kExitNotFound, fmt::format("{}: no such file", path_.string()));
    }
    if (!in_) {
      throw StartError(
          kExitNoPermission,
          fmt::format("{}: cannot be opened", path_.string()));
    }
  }

  TensorFile read() {
    read_size();
    std::vector<TensorInfo> tensors;
    for (const auto& field : read_header()) {
      if (field.key() != "__metadata__") {
        tensors.push_back(read_tensor(field.key(), field.value()));
      }
    }
    expect_whole(tensors);
    return {path_, std::move(tensors), file_bytes_};
  }

 private:
  [[noreturn]] void refuse(const std::string& complaint) const {
    throw StartError(
        kExitBadData, fmt::format("{}: {}", path_.string(), complaint));
  }

  // Before memory is asked for: the length may be anything.
  void read_size() {
    uint8_t size[kSizeBytes] = {};
    in_.read(reinterpret_cast<char*>(size), sizeof(size));
    for (int i = kSizeBytes - 1; i >= 0; --i) {
      header_bytes_ = header_bytes_ << 8 | size[i];
    }
    if (!in_) {
      refuse(fmt::format("truncated: only {} bytes", file_bytes_));
    }
    if (header_bytes_ > kMostHeaderBytes) {
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

  json::object read_header() {
    std::string text(header_bytes_, '\0');
    if (!in_.read(text.data(), static_cast<std::streamsize>(text.size()))) {
      refuse("its header cannot be read");
    }
    boost::system::error_code error;
    json::value value = json::parse(text, error);
    if (error || !value.is_object()) {
      refuse("corrupt: its header is not a JSON object");
    }
    expect_distinct(text);
    return std::move(value.as_object());
  }

  void expect_distinct(std::string_view text) const {
    std::set<std::string_view> seen;
    for (const auto name : written_keys(text)) {
      if (!seen.insert(name).second) {
        refuse(fmt::format("corrupt: tensor {} is described twice", name));
      }
    }
  }

  TensorInfo read_tensor(std::string_view name, const json::value& value) {
    TensorInfo tensor{.name = std::string(name)};
    uint64_t begin = 0, end = 0;
    try {
      tensor.dtype = json::value_to<std::string>(value.at("dtype"));
      tensor.shape = json::value_to<std::vector<int64_t>>(value.at("shape"));
      const auto offsets =
          json::value_to<std::vector<uint64_t>>(value.at("data_offsets"));
      if (offsets.size() != 2) {
        throw std::out_of_range("data_offsets");
      }
      begin = offsets[0], end = offsets[1];
    } catch (const std::exception&) {
      refuse(fmt::format("corrupt: tensor {} is not described", name));
    }
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
          "tensor {} has the unknown type {}", tensor.name, tensor.dtype));
    }
    uint64_t numbers = 1;
    for (const int64_t n : tensor.shape) {
      if (n < 0 || n > std::numeric_limits<int32_t>::max() ||
          (n > 0 && numbers > kMostNumbers / static_cast<uint64_t>(n))) {
        refuse(fmt::format(
            "corrupt: tensor {} has an impossible shape", tensor.name));
      }
      numbers *= static_cast<uint64_t>(n);
    }
    return numbers * type->size();
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
  std::ifstream in_;
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
