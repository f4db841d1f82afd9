#pragma once

#include <string>
#include <vector>

#include "http/exchange.h"

namespace parallm::http {

// Which pages of other origins may call us. Constant; any thread.
class Cors {
 public:
  Cors() = default;
  Cors(std::vector<std::string> origins, std::vector<std::string> exposed);

  bool on() const { return !origins_.empty(); }
  // Headers for any answer to such a page; none if it may not call.
  Headers answer_headers(const Headers& request) const;
  // The answer to OPTIONS on a path with these methods.
  Response preflight(const Headers& request, const std::string& allow) const;

 private:
  std::string allowed_origin(const Headers& request) const;

  std::vector<std::string> origins_{};
  std::string exposed_{};
  bool any_ = false;
};

} // namespace parallm::http
