#include "text/json_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/check.h"
#include "text/bridge_call.h"

namespace parallm {

std::optional<std::string> read_file(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return std::nullopt;
  }
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, ignored)) {
    throw StartError(kExitNoPermission, fmt::format("{}: cannot read", path));
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::optional<JsonFile> JsonFile::read(const std::string& path) {
  const auto text = read_file(path);
  if (!text) {
    return std::nullopt;
  }
  plb_json* json = nullptr;
  bridge::Bytes error;
  if (plb_json_new(bridge::data(*text), text->size(), &json, error.out())) {
    throw StartError(kExitBadData, fmt::format("{}: {}", path, error.view()));
  }
  return JsonFile(json);
}

std::optional<std::string> JsonFile::string(std::string_view pointer) const {
  bridge::Bytes found;
  bridge::Bytes error;
  const auto code = plb_json_string(
      json_.get(), bridge::data(pointer), pointer.size(), found.out(),
      error.out());
  return code == PLB_OK ? std::optional(found.text()) : std::nullopt;
}

void JsonFile::Free::operator()(plb_json* json) const {
  plb_json_free(json);
}

} // namespace parallm
