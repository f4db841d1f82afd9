#include "http/tls.h"

#include <fmt/format.h>

#include <fstream>

#include "base/check.h"

namespace parallm::http {

namespace asio = boost::asio;

namespace {

void expect_readable(const std::string& path) {
  if (!std::ifstream(path)) {
    throw StartError(
        kExitNotFound, fmt::format("cannot read TLS file {}", path));
  }
}

void expect_ok(
    const boost::system::error_code& error, const std::string& path) {
  if (error) {
    throw StartError(
        kExitBadData,
        fmt::format("{} does not fit for TLS: {}", path, error.message()));
  }
}

} // namespace

std::unique_ptr<asio::ssl::context> make_tls_context(
    const std::string& cert_file, const std::string& key_file) {
  expect_readable(cert_file);
  expect_readable(key_file);
  auto context =
      std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  boost::system::error_code error;
  context->use_certificate_chain_file(cert_file, error);
  expect_ok(error, cert_file);
  context->use_private_key_file(key_file, asio::ssl::context::pem, error);
  expect_ok(error, key_file);
  return context;
}

} // namespace parallm::http
