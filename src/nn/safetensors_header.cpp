#include "nn/safetensors_header.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstring>
#include <fstream>
#include <map>

#include "base/check.h"

namespace parallm {
namespace {

namespace json = boost::json;

constexpr uint64_t kMostHeaderBytes = 100'000'000; // as in the format's library

class HeaderReader {
 public:
  explicit HeaderReader(const std::filesystem::path& file)
      : file_(file.string()), in_(file, std::ios::binary) {
    std::error_code error;
    file_bytes_ = std::filesystem::file_size(file, error);
    if (error) {
      throw StartError(kExitNotFound, fmt::format("{}: no such file", file_));
    }
    if (!in_) {
      throw StartError(
          kExitNoPermission, fmt::format("{}: cannot be opened", file_));
    }
  }

  std::vector<TensorInfo> read() {
    const json::object header = read_header();
    std::vector<TensorInfo> tensors;
    uint64_t data_bytes = 0;
    for (const auto& field : header) {
      if (field.key() != "__metadata__") {
        tensors.push_back(read_tensor(field.key(), field.value(), data_bytes));
      }
    }
    check_size(data_bytes);
    return tensors;
  }

 private:
  [[noreturn]] void refuse(const std::string& complaint) const {
    throw StartError(kExitBadData, fmt::format("{}: {}", file_, complaint));
  }

  json::object read_header() {
    uint8_t size[8] = {};
    in_.read(reinterpret_cast<char*>(size), sizeof(size));
    for (int i = 7; i >= 0; --i) {
      header_bytes_ = header_bytes_ << 8 | size[i];
    }
    if (!in_) {
      refuse(fmt::format("truncated: only {} bytes", file_bytes_));
    }
    if (header_bytes_ > kMostHeaderBytes) {
      refuse("not a safetensors file");
    }
    std::string text(header_bytes_, '\0');
    if (!in_.read(text.data(), static_cast<std::streamsize>(text.size()))) {
      refuse(fmt::format(
          "truncated: {} bytes, its header alone takes {}", file_bytes_,
          header_bytes_ + 8));
    }
    boost::system::error_code error;
    json::value value = json::parse(text, error);
    if (error || !value.is_object()) {
      refuse("corrupt: its header is not a JSON object");
    }
    return std::move(value.as_object());
  }

  TensorInfo read_tensor(
      std::string_view name, const json::value& value, uint64_t& data_bytes) {
    TensorInfo tensor;
    tensor.name = name;
    uint64_t begin = 0, end = 0, items = 1;
    try {
      tensor.dtype = json::value_to<std::string>(value.at("dtype"));
      tensor.shape = json::value_to<std::vector<int64_t>>(value.at("shape"));
      begin = value.at("data_offsets").at(0).to_number<uint64_t>();
      end = value.at("data_offsets").at(1).to_number<uint64_t>();
    } catch (const std::exception&) {
      refuse(fmt::format("corrupt: tensor {} is not described", name));
    }
    for (const int64_t n : tensor.shape) {
      if (n < 0 || (n > 0 && items > (uint64_t{1} << 48) / n)) {
        refuse(fmt::format("corrupt: tensor {} has an impossible shape", name));
      }
      items *= n;
    }
    if (begin > end || end - begin != items * item_bytes(tensor)) {
      refuse(fmt::format(
          "corrupt: tensor {} takes {} bytes, its shape needs {}", name,
          end - begin, items * item_bytes(tensor)));
    }
    tensor.bytes = end - begin;
    data_bytes = std::max(data_bytes, end);
    return tensor;
  }

  size_t item_bytes(const TensorInfo& tensor) const {
    static const std::map<std::string, size_t> kBytes = {
        {"F64", 8}, {"F32", 4}, {"F16", 2},  {"BF16", 2},    {"I64", 8},
        {"I32", 4}, {"I16", 2}, {"I8", 1},   {"U64", 8},     {"U32", 4},
        {"U16", 2}, {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E8M0", 1}};
    const auto found = kBytes.find(tensor.dtype);
    if (found == kBytes.end()) {
      refuse(fmt::format(
          "tensor {} has the unknown type {}", tensor.name, tensor.dtype));
    }
    return found->second;
  }

  void check_size(uint64_t data_bytes) const {
    const uint64_t expected = 8 + header_bytes_ + data_bytes;
    if (file_bytes_ != expected) {
      refuse(fmt::format(
          "{}: {} bytes, its header describes {}",
          file_bytes_ < expected ? "truncated" : "corrupt", file_bytes_,
          expected));
    }
  }

  std::string file_;
  std::ifstream in_;
  uint64_t file_bytes_ = 0;
  uint64_t header_bytes_ = 0;
};

} // namespace

std::vector<TensorInfo> read_safetensors_header(
    const std::filesystem::path& file) {
  return HeaderReader(file).read();
}

bool is_float(const TensorInfo& tensor) {
  return tensor.dtype == "F64" || tensor.dtype == "F32" ||
         tensor.dtype == "F16" || tensor.dtype == "BF16";
}

mx::Dtype float_dtype(const TensorInfo& tensor) {
  return tensor.dtype == "F16"    ? mx::float16
         : tensor.dtype == "BF16" ? mx::bfloat16
                                  : mx::float32;
}

size_t loaded_bytes(const TensorInfo& tensor, std::optional<mx::Dtype> dtype) {
  if (!is_float(tensor)) {
    return tensor.bytes;
  }
  size_t bytes = dtype.value_or(float_dtype(tensor)).size();
  for (const int64_t n : tensor.shape) {
    bytes *= static_cast<size_t>(n);
  }
  return bytes;
}

} // namespace parallm
