#include "http/request_id.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <random>

#include "base/hash.h"

namespace parallm::http {

namespace {

bool is_id_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool can_echo(std::string_view id) {
  return !id.empty() && id.size() <= 128 &&
         std::all_of(id.begin(), id.end(), is_id_byte);
}

uint64_t random_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

std::string new_id() {
  thread_local const uint64_t high = random_seed();
  thread_local const uint64_t low = random_seed();
  thread_local uint64_t count = 0;
  ++count;
  return fmt::format(
      "req-{:016x}{:016x}", hash_combine(high, count),
      hash_combine(low, count));
}

} // namespace

std::string request_id_for(std::string_view offered) {
  return can_echo(offered) ? std::string(offered) : new_id();
}

} // namespace parallm::http
