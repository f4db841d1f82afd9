#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
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

// Their names, sorted.
inline std::set<std::string> files_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    names.insert(file.path().filename().string());
  }
  return names;
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

inline std::vector<std::string> split(
    std::string text, const std::string& border) {
  std::vector<std::string> parts;
  for (size_t at; (at = text.find(border)) != std::string::npos;) {
    parts.push_back(text.substr(0, at));
    text.erase(0, at + border.size());
  }
  parts.push_back(text);
  return parts;
}

inline std::vector<int32_t> numbers(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<int32_t>(in), {}};
}

inline const std::vector<std::string>& shared_tokenizers() {
  static const std::vector<std::string> names = {
      "llama2", "llama3.2", "minilm", "mistral-v1",
      "phi3",   "qwen2.5",  "smollm"};
  return names;
}

} // namespace parallm::test
