#include "config/text_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/check.h"

namespace parallm {

namespace {

// Closes itself.
class File {
 public:
  File(const std::filesystem::path& path, const std::string& name)
      : name_(name), descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) {
      refuse(errno);
    }
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  struct stat facts() const {
    struct stat facts {};
    if (fstat(descriptor_, &facts) != 0) {
      refuse(errno);
    }
    if (S_ISDIR(facts.st_mode)) {
      refuse(EISDIR);
    }
    return facts;
  }

  std::string text() const {
    std::string text;
    char buffer[4096];
    ssize_t count = 0;
    while ((count = read(descriptor_, buffer, sizeof(buffer))) > 0) {
      text.append(buffer, static_cast<size_t>(count));
    }
    if (count < 0) {
      refuse(errno);
    }
    return text;
  }

 private:
  [[noreturn]] void refuse(int error) const {
    throw StartError(
        error == EACCES || error == EPERM ? kExitNoPermission : kExitNotFound,
        fmt::format(
            "cannot read {}: {}", name_,
            std::generic_category().message(error)));
  }

  const std::string& name_;
  int descriptor_;
};

} // namespace

std::string read_text_file(
    const std::filesystem::path& path, const std::string& name) {
  const File file(path, name);
  file.facts();
  return file.text();
}

std::string check_secret_file(
    const std::filesystem::path& path, const std::string& name) {
  const auto mode = File(path, name).facts().st_mode;
  if ((mode & (S_IRGRP | S_IROTH)) == 0) {
    return {};
  }
  return fmt::format(
      "{} holds a secret and can be read by others; chmod 600 helps", name);
}

} // namespace parallm
