#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nn/gguf/gguf_file.h"

namespace parallm {

// The metadata of a GGUF file, read strictly: a wrong type or a value out of
// range is a StartError that names the file and the key. A light handle on a
// file that outlives it; any thread.
class GgufKeys {
 public:
  explicit GgufKeys(const GgufFile& file) : file_(file) {}

  bool has(const std::string& key) const;
  int64_t integer(const std::string& key, int64_t least, int64_t most) const;
  double number(const std::string& key, double least, double most) const;
  bool flag_or(const std::string& key, bool fallback) const;
  const std::string& text(const std::string& key) const;
  const std::vector<std::string>& texts(const std::string& key) const;
  const std::vector<double>& numbers(const std::string& key) const;
  const std::vector<int64_t>& integers(const std::string& key) const;

  // "FILE: KEY COMPLAINT"
  [[noreturn]] void refuse(
      const std::string& key, const std::string& complaint) const;

 private:
  const GgufValue* find(const std::string& key) const;
  template <class Value>
  const Value& get(const std::string& key, const char* expected) const;

  const GgufFile& file_;
};

} // namespace parallm
