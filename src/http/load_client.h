#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "http/address.h"

// A client that loads a server and does nothing else meanwhile: answers are
// read and kept, with the times at which they came. One thread, the caller's,
// which blocks; each wait for the server has a limit of ten minutes.
namespace parallm::http {

// So much of a body had come by then.
struct Arrival {
  double at_s = 0; // of the steady clock
  size_t body_bytes = 0;
};

struct Answer {
  double sent_s = 0; // of the steady clock, before the connection is made
  int status = 0;    // 0: none came
  std::string body{};
  std::vector<Arrival> arrivals{};
  std::string error{}; // of the connection; "": there was none
};

double steady_s(); // now

// Both throw StartError (unavailable) if nobody knows the host.
Answer get_and_wait(const Address& address, const std::string& path);
// Posts JSON bodies in their order, at most `streams` at a time, each over a
// connection of its own. The answers are in the order of the bodies.
std::vector<Answer> post_all_and_wait(
    const Address& address,
    const std::string& path,
    const std::vector<std::string>& bodies,
    int streams);

} // namespace parallm::http
