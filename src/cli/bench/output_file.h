#pragma once

#include <fstream>
#include <string>

namespace parallm::bench {

// A file for what there will be to say: opened at once, so that a wrong path
// is told before the work. Throws StartError (no permission). One thread.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path); // "": none

  void write(const std::string& text);

 private:
  void expect_good() const;

  std::string path_{};
  std::ofstream file_{};
};

// Whether two paths, written as they may be, name one file; "" names none.
bool is_same_file(const std::string& path, const std::string& other);

} // namespace parallm::bench
