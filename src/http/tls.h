#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

// Main thread, at the start.
namespace parallm::http {

// TLS 1.2 or newer with this certificate chain and key, both PEM. Throws
// StartError if a file is missing or unfit. Main, before the shards start; they
// share the context, which outlives them.
std::unique_ptr<boost::asio::ssl::context> make_tls_context(
    const std::string& cert_file, const std::string& key_file);

} // namespace parallm::http
