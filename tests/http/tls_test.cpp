#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>

#include "base/check.h"
#include "tests/http/test_server.h"

namespace parallm::http::testing {
namespace {

// A self-signed certificate and its key, as files, while it lives.
class Identity {
 public:
  Identity() {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* cert = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME* name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_ASC,
        reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_sign(cert, key, EVP_sha256());
    write(key_path, [&](FILE* file) {
      PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
    write(cert_path, [&](FILE* file) { PEM_write_X509(file, cert); });
    X509_free(cert);
    EVP_PKEY_free(key);
  }

  ~Identity() {
    ::unlink(cert_path.c_str());
    ::unlink(key_path.c_str());
  }

  const std::string base =
      ::testing::TempDir() + "parallm_tls_" + std::to_string(::getpid());
  const std::string cert_path = base + ".cert";
  const std::string key_path = base + ".key";

 private:
  template <class F>
  static void write(const std::string& path, F print) {
    FILE* file = std::fopen(path.c_str(), "w");
    print(file);
    std::fclose(file);
  }
};

ServerOptions with_tls(const Identity& identity) {
  ServerOptions options = test_options();
  options.tls_cert_file = identity.cert_path;
  options.tls_key_file = identity.key_path;
  return options;
}

TEST(Tls, ServesRequestsStreamsAndPipelines) {
  Identity identity;
  TestServer test(with_tls(identity));
  Client client = Client::to_tls_port(test.server.port());
  const std::string body(200'000, 'b');
  ASSERT_TRUE(client.send(post("/echo", body)));
  EXPECT_EQ(client.read_answer().body, "POST /echo [] ? " + body);
  ASSERT_TRUE(client.send(get("/stream") + get("/echo")));
  EXPECT_EQ(client.read_answer().body, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  EXPECT_EQ(client.read_answer().status, 200);
}

TEST(Tls, ClosesInOrderAfterTheLastAnswer) {
  Identity identity;
  TestServer test(with_tls(identity));
  Client client = Client::to_tls_port(test.server.port());
  client.send(get("/echo", "Connection: close\r\n"));
  EXPECT_EQ(client.read_answer().status, 200);
  EXPECT_TRUE(client.at_end());
  client.close();
  EXPECT_TRUE(
      test.server.drain(std::chrono::steady_clock::now() + Gauge::kLimit));
}

TEST(Tls, NoticesALostClient) {
  Identity identity;
  TestServer test(with_tls(identity));
  for (const std::string& request :
       {get("/hang-stream"), post("/hang", "{}"), get("/endless")}) {
    Client client = Client::to_tls_port(test.server.port());
    const int begun = test.probe.begun.value();
    client.send(request);
    ASSERT_TRUE(test.probe.begun.wait_for(begun + 1));
    client.close();
    EXPECT_TRUE(test.probe.live.wait_for(0)) << request;
  }
}

TEST(Tls, OutlivesClientsThatDoNotSpeakIt) {
  Identity identity;
  ServerOptions options = with_tls(identity);
  options.head_timeout = std::chrono::milliseconds(50);
  TestServer test(options);
  Client plain = test.connect();
  plain.send(get("/echo"));
  plain.read_until("never said");
  Client silent = test.connect();
  EXPECT_TRUE(silent.at_end()); // the handshake has its time
}

TEST(Tls, StopsInTheMiddle) {
  Identity identity;
  TestServer test(with_tls(identity));
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(Client::to_tls_port(test.server.port()));
    clients.back().send(i % 2 == 0 ? get("/endless") : get("/hang-stream"));
  }
  clients.push_back(test.connect()); // in its handshake
  ASSERT_TRUE(test.probe.begun.wait_for(4));
  test.server.stop();
  EXPECT_EQ(test.probe.live.value(), 0);
}

TEST(Tls, SaysWhichFileIsMissingOrUnfit) {
  Identity identity;
  const auto exit_code = [](const ServerOptions& options) {
    Server server(options, failure_body);
    try {
      server.start();
    } catch (const StartError& error) {
      return error.exit_code;
    }
    return 0;
  };
  ServerOptions options = with_tls(identity);
  options.tls_key_file = "/nonexistent";
  EXPECT_EQ(exit_code(options), kExitNotFound);
  options.tls_key_file = identity.cert_path;
  EXPECT_EQ(exit_code(options), kExitBadData);
  options.tls_key_file = "";
  EXPECT_EQ(exit_code(options), kExitConfig);
}

} // namespace
} // namespace parallm::http::testing
