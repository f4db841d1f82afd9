#include "api/headers.h"

#include <fmt/format.h>

namespace parallm {

namespace {

constexpr size_t kMaxHeaderBytes = 4096;

void append_path(std::string& text, const std::string& path) {
  text += text.empty() ? "" : ",";
  for (const char letter : path) {
    const auto byte = static_cast<uint8_t>(letter);
    const bool plain =
        byte > 0x20 && byte < 0x7f && letter != ',' && letter != '%';
    text += plain ? std::string(1, letter) : fmt::format("%{:02X}", byte);
  }
}

} // namespace

void add_inert_header(
    const std::vector<std::string>& paths, http::Headers& headers) {
  std::string text;
  for (const auto& path : paths) {
    if (text.size() > kMaxHeaderBytes) {
      text += ",...";
      break;
    }
    append_path(text, path);
  }
  if (!text.empty()) {
    headers.emplace_back("x-parallm-inert", std::move(text));
  }
}

} // namespace parallm
