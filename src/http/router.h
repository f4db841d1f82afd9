#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/route.h"

namespace parallm::http {

// What a path and a method lead to. Points into the router.
struct RouteMatch {
  const Route* route = nullptr; // null: see `allow`
  std::string rest{};           // what `*` matched
  // Methods of the path, as in the Allow header; empty: no such path.
  std::string allow{};
};

// The route table. Constant once built; any thread.
class Router {
 public:
  Router() = default;
  explicit Router(std::vector<Route> routes);

  // An exact path wins over `/*`, a longer `/*` over a shorter one.
  RouteMatch find(std::string_view method, const std::string& path) const;

 private:
  // The routes of one path, by method.
  struct Place {
    std::string prefix{}; // of a `/*` path, with the last slash
    std::vector<Route> routes{};
  };

  Place& place_of(const std::string& path);

  std::unordered_map<std::string, Place> exact_{};
  std::vector<Place> prefixes_{}; // longest first
};

} // namespace parallm::http
