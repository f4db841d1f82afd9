#include "http/server.h"

#include <future>

#include "base/check.h"
#include "http/listener.h"
#include "http/shard.h"
#include "http/tls.h"

namespace parallm::http {

namespace {

Site make_site(ServerOptions options, FailureBody failure_body) {
  Site site;
  site.cors = Cors(options.cors_origins, options.cors_exposed);
  site.options = std::move(options);
  site.failure_body = std::move(failure_body);
  return site;
}

std::vector<std::unique_ptr<Shard>> make_shards(
    int count, const Site& site, Census& census, BodyBudget& bodies) {
  std::vector<std::unique_ptr<Shard>> shards;
  for (int i = 0; i < count; ++i) {
    shards.push_back(std::make_unique<Shard>(i, site, census, bodies));
  }
  return shards;
}

std::unique_ptr<boost::asio::ssl::context> make_tls(
    const ServerOptions& options) {
  if (options.tls_cert_file.empty() != options.tls_key_file.empty()) {
    throw StartError(
        kExitConfig, "TLS needs both a certificate and a key file");
  }
  return options.tls_cert_file.empty()
             ? nullptr
             : make_tls_context(options.tls_cert_file, options.tls_key_file);
}

} // namespace

struct Server::State {
  State(ServerOptions options, FailureBody failure_body)
      : site(make_site(std::move(options), std::move(failure_body))),
        census(site.options.shards),
        bodies(site.options.max_bodies_bytes),
        shards(make_shards(site.options.shards, site, census, bodies)) {}

  Site site;
  Census census;
  BodyBudget bodies;
  std::unique_ptr<boost::asio::ssl::context> tls{};
  std::vector<std::unique_ptr<Shard>> shards;
  std::unique_ptr<Listener> listener{}; // from start() to stop()
  int port = 0;
  bool started = false;
};

Server::Server(ServerOptions options, FailureBody failure_body) {
  PARALLM_CHECK(options.shards > 0, "{} shards", options.shards);
  state_ = std::make_unique<State>(std::move(options), std::move(failure_body));
}

Server::~Server() {
  stop();
}

void Server::set_routes(std::vector<Route> routes) {
  PARALLM_CHECK(!state_->started, "routes are set before the start");
  state_->site.router = Router(std::move(routes));
}

void Server::on_response(ResponseHook hook) {
  PARALLM_CHECK(!state_->started, "the hook is set before the start");
  state_->site.on_response = std::move(hook);
}

void Server::start() {
  PARALLM_CHECK(!state_->started, "a server starts once");
  state_->tls = make_tls(state_->site.options);
  Listening listening =
      start_listening(state_->shards.front()->context(), state_->site.options);
  state_->port = listening.port;
  state_->listener = std::make_unique<Listener>(
      std::move(listening), state_->shards, state_->census,
      state_->site.options.max_connections);
  state_->started = true;
  state_->listener->start();
  for (auto& shard : state_->shards) {
    shard->start(state_->tls.get());
  }
}

int Server::port() const {
  return state_->port;
}

int Server::shards() const {
  return static_cast<int>(state_->shards.size());
}

int Server::connections() const {
  return state_->census.total();
}

void Server::post(int shard, std::function<void()> work) {
  state_->shards.at(static_cast<size_t>(shard))->post(std::move(work));
}

void Server::stop_accepting() {
  if (!state_->listener) {
    return;
  }
  std::promise<void> closed;
  post(0, [&] {
    state_->listener->close();
    closed.set_value();
  });
  closed.get_future().wait();
}

bool Server::drain(std::chrono::steady_clock::time_point deadline) {
  stop_accepting();
  for (auto& shard : state_->shards) {
    shard->drain();
  }
  return state_->census.wait_until_empty(deadline);
}

void Server::stop() {
  stop_accepting();
  for (auto& shard : state_->shards) {
    shard->stop();
  }
  for (auto& shard : state_->shards) {
    shard->join();
  }
  state_->listener.reset();
}

} // namespace parallm::http
