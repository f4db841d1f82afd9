// The reader of .safetensors: whatever a file holds is refused with one line
// that names the file, or read as the bytes that are in it.
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/check.h"
#include "nn/file_data.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/input_file.h"
#include "tests/support/safetensors_bytes.h"

namespace parallm::fuzz {
namespace {

using test::file_with_header;
using test::length_bytes;
using test::with_tensors_at;

// None if the file is refused.
std::optional<TensorFile> read_header(const std::filesystem::path& path) {
  try {
    return read_safetensors_header(path);
  } catch (const StartError& error) {
    expect(std::string(error.what()).starts_with(path.string() + ": "));
    return std::nullopt;
  }
}

// What must hold of an accepted file: the tensors are all of its end.
void check_places(const TensorFile& file, std::string_view input) {
  expect(file.stamp.bytes == input.size());
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, input.data(), sizeof(header_bytes));
  uint64_t end = sizeof(header_bytes) + header_bytes;
  for (const auto& tensor : file.tensors) {
    expect(tensor.begin == end);
    end += tensor.bytes;
  }
  expect(end == file.stamp.bytes);
}

void check_numbers(const TensorFile& file, std::string_view input) {
  const auto data = std::make_shared<FileData>(file);
  for (const auto& info : file.tensors) {
    auto tensor = data->tensor(info);
    mx::eval(tensor);
    expect(tensor.nbytes() == info.bytes);
    expect(tensor.flags().row_contiguous);
    expect(
        info.bytes == 0 ||
        std::memcmp(
            tensor.data<char>(), input.data() + info.begin, info.bytes) == 0);
  }
}

const char* const kHeaders[] = {
    "{}", R"({"__metadata__":{"format":"mlx"}})",
    R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})",
    R"({"a":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]},)"
    R"("b":{"dtype":"U8","shape":[2,0],"data_offsets":[6,6]},)"
    R"("c":{"dtype":"U32","shape":[],"data_offsets":[6,10]},)"
    R"("d":{"dtype":"BOOL","shape":[1,6],"data_offsets":[10,16]}})"};

} // namespace

std::vector<std::string> seeds() {
  std::vector<std::string> inputs = {
      length_bytes(100'000'000'000) + "{}", length_bytes(~uint64_t{0})};
  for (const char* header : kHeaders) {
    const bool empty = std::strstr(header, "data_offsets") == nullptr;
    const auto file =
        file_with_header(header, std::string(empty ? 0 : 16, '\x5a'));
    inputs.push_back(file);
    inputs.push_back(with_tensors_at(file, 0));
    inputs.push_back(with_tensors_at(file, 3));
  }
  return inputs;
}

std::vector<std::string> tokens() {
  return {
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      "\"",
      "\\",
      "0",
      "-1",
      "16",
      "4294967296",
      "18446744073709551615",
      "1e308",
      "null",
      "\"a\"",
      "\"dtype\"",
      "\"shape\"",
      "\"data_offsets\"",
      "\"__metadata__\"",
      "\"F32\"",
      "\"F64\"",
      "\"F16\"",
      "\"U8\"",
      "\"I64\"",
      "\"F8_E4M3\"",
      "[0,16]",
      "[0,0]",
      R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"};
}

} // namespace parallm::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  using namespace parallm::fuzz;
  static const InputFile file;
  const std::string_view input(reinterpret_cast<const char*>(bytes), count);
  // The mutations seldom keep the length right: half of the inputs get it.
  std::string repaired(input);
  if (count >= 8 && count % 2 == 0) {
    const size_t end = input.rfind('}');
    const size_t header =
        end == std::string_view::npos || end < 8 ? count - 8 : end - 7;
    repaired.replace(0, 8, length_bytes(header));
  }
  if (const auto found = read_header(file.write(repaired))) {
    check_places(*found, repaired);
    check_numbers(*found, repaired);
  }
  return 0;
}
