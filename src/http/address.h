#pragma once

#include <string>

namespace parallm::http {

// Where somebody's HTTP server is. A plain value: any thread.
struct Address {
  std::string host{}; // IPv6 without its brackets
  std::string port = "80";
  std::string path{}; // before that of each request: "" or "/…"

  std::string authority() const; // "HOST:PORT", as the head of a request says
  std::string url() const;
};

// "http://HOST[:PORT][/PATH]", IPv6 in brackets; else throws StartError
// (usage).
Address parse_address(const std::string& url);

} // namespace parallm::http
