#include "http/address.h"

#include <fmt/format.h>

#include <regex>

#include "base/check.h"

namespace parallm::http {

std::string Address::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

std::string Address::url() const {
  return "http://" + authority() + path;
}

namespace {

bool is_port(int number) {
  return number >= 1 && number <= 65535;
}

} // namespace

Address parse_address(const std::string& url) {
  static const std::regex kUrl(
      R"(http://(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]/:?#@\s]+)))"
      R"((?::([0-9]{1,5}))?((?:/[^/?#\s]+)*)/*)");
  std::smatch parts;
  if (!std::regex_match(url, parts, kUrl) ||
      (parts[3].matched && !is_port(std::stoi(parts[3])))) {
    throw StartError(
        kExitUsage,
        fmt::format(
            "\"{}\": expected http://HOST:PORT (no https, ports up to 65535)",
            url));
  }
  Address address{.host = parts[1].str() + parts[2].str()};
  if (parts[3].matched) {
    address.port = parts[3];
  }
  address.path = parts[4];
  return address;
}

} // namespace parallm::http
