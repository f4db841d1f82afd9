#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct plb_json;

namespace parallm {

// A small JSON file beside the checkpoint. Const once read, any thread.
class JsonFile {
 public:
  // Empty if there is no such file. Throws StartError naming it if it cannot
  // be read.
  static std::optional<JsonFile> read(const std::string& path);

  // The string at an RFC 6901 pointer: "/bos_token/content".
  std::optional<std::string> string(std::string_view pointer) const;

 private:
  struct Free {
    void operator()(plb_json* json) const;
  };
  explicit JsonFile(plb_json* json) : json_(json) {}
  std::unique_ptr<plb_json, Free> json_;
};

// The whole file; empty if there is none. Throws StartError.
std::optional<std::string> read_file(const std::string& path);

} // namespace parallm
