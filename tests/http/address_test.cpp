#include "http/address.h"

#include <gtest/gtest.h>

#include "base/check.h"

namespace parallm::http {
namespace {

std::string again(const std::string& url) {
  return parse_address(url).url();
}

TEST(Address, HasAHostAPortAndAPath) {
  const Address address = parse_address("http://box.local:8000/base/path/");
  EXPECT_EQ(address.host, "box.local");
  EXPECT_EQ(address.port, "8000");
  EXPECT_EQ(address.path, "/base/path");
  EXPECT_EQ(address.authority(), "box.local:8000");
}

TEST(Address, PortAndPathMayBeLeftOut) {
  EXPECT_EQ(again("http://box"), "http://box:80");
  EXPECT_EQ(again("http://127.0.0.1:1//"), "http://127.0.0.1:1");
}

TEST(Address, Ipv6HasBracketsInAUrlAlone) {
  EXPECT_EQ(parse_address("http://[::1]:8000").host, "::1");
  EXPECT_EQ(again("http://[::1]"), "http://[::1]:80");
}

TEST(Address, RefusesWhatItDoesNotKnow) {
  for (const char* url :
       {"", "box:80", "https://box", "http://", "http://:80", "http://box:",
        "http://box:x", "http://box:0", "http://box:65536", "http://::1",
        "http://me@box", "http://box?a", "http://a b", "unix:socket"}) {
    EXPECT_THROW(parse_address(url), StartError) << url;
  }
}

} // namespace
} // namespace parallm::http
