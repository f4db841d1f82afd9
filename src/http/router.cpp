#include "http/router.h"

#include <algorithm>

namespace parallm::http {

namespace {

std::string allowed_methods(const std::vector<Route>& routes) {
  std::string allow;
  for (const Route& route : routes) {
    allow += allow.empty() ? "" : ", ";
    allow += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  return allow;
}

const Route* find_method(
    const std::vector<Route>& routes, std::string_view method) {
  const auto found =
      std::find_if(routes.begin(), routes.end(), [&](const Route& route) {
        return route.method == method ||
               (route.method == "GET" && method == "HEAD");
      });
  return found == routes.end() ? nullptr : &*found;
}

} // namespace

Router::Router(std::vector<Route> routes) {
  for (Route& route : routes) {
    place_of(route.path).routes.push_back(std::move(route));
  }
  std::sort(
      prefixes_.begin(), prefixes_.end(), [](const auto& a, const auto& b) {
        return a.prefix.size() > b.prefix.size();
      });
}

Router::Place& Router::place_of(const std::string& path) {
  if (!path.ends_with("/*")) {
    return exact_[path];
  }
  const std::string prefix = path.substr(0, path.size() - 1);
  const auto known = std::find_if(
      prefixes_.begin(), prefixes_.end(),
      [&](const Place& place) { return place.prefix == prefix; });
  if (known != prefixes_.end()) {
    return *known;
  }
  return prefixes_.emplace_back(Place{prefix, {}});
}

RouteMatch Router::find(
    std::string_view method, const std::string& path) const {
  if (const auto place = exact_.find(path); place != exact_.end()) {
    const auto& routes = place->second.routes;
    return {find_method(routes, method), "", allowed_methods(routes)};
  }
  for (const Place& place : prefixes_) {
    if (path.size() > place.prefix.size() && path.starts_with(place.prefix)) {
      return {
          find_method(place.routes, method), path.substr(place.prefix.size()),
          allowed_methods(place.routes)};
    }
  }
  return {};
}

} // namespace parallm::http
