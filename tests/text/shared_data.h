#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

// Files of ../shared, which a clone alone does not have.
namespace parallm::test {

inline std::string shared(const std::string& name) {
  return std::string(PARALLM_SHARED_DATA) + "/" + name;
}

inline bool has_shared(const std::string& name) {
  return std::filesystem::exists(shared(name));
}

#define SKIP_WITHOUT_SHARED(name)                      \
  if (!::parallm::test::has_shared(name)) {            \
    GTEST_SKIP() << "needs ../shared/data/" << (name); \
  }

inline std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline boost::json::value read_json(const std::string& path) {
  return boost::json::parse(read_text(path));
}

inline std::string text_of(const boost::json::value& value) {
  return std::string(std::string_view(value.as_string()));
}

inline const std::vector<std::string>& shared_tokenizers() {
  static const std::vector<std::string> names = {
      "llama2", "llama3.2", "minilm", "mistral-v1",
      "phi3",   "qwen2.5",  "smollm"};
  return names;
}

} // namespace parallm::test
