#include "runtime/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "base/hash.h"

namespace parallm {

namespace {

namespace fs = std::filesystem;

constexpr size_t kEndBytes = 64 << 10;

uint64_t add_text(uint64_t hash, std::string_view text) {
  for (const char byte : text) {
    hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3u; // FNV-1a
  }
  return hash_combine(hash, text.size());
}

std::string read_at(std::ifstream& file, uintmax_t offset, size_t bytes) {
  std::string text(bytes, '\0');
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(text.data(), static_cast<std::streamsize>(bytes));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

uint64_t add_file(uint64_t hash, const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const uintmax_t size = fs::file_size(path);
  hash = add_text(hash, path.filename().string());
  hash = hash_combine(hash, size);
  hash = add_text(hash, read_at(file, 0, kEndBytes));
  file.clear();
  return add_text(
      hash,
      read_at(file, size - std::min<uintmax_t>(size, kEndBytes), kEndBytes));
}

bool counts(const fs::path& path) {
  return path.extension() == ".safetensors" || path.extension() == ".gguf" ||
         path.filename() == "config.json";
}

std::vector<fs::path> checkpoint_files(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) { // a .gguf
    return {folder};
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && counts(entry.path())) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

} // namespace

std::string system_fingerprint(
    const fs::path& folder,
    const fs::path& adapter,
    std::string_view settings) {
  std::vector<fs::path> files = checkpoint_files(folder);
  if (!adapter.empty()) { // what else is in its folder came while it trained
    files.push_back(adapter / "adapter_config.json");
    files.push_back(adapter / "adapters.safetensors");
  }
  uint64_t hash = add_text(0xcbf29ce484222325u, settings);
  for (const fs::path& file : files) {
    hash = add_file(hash, file);
  }
  return fmt::format("fp_{:012x}", mix64(hash) >> 16);
}

} // namespace parallm
