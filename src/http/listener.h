#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "http/census.h"
#include "http/listening.h"
#include "http/shard.h"

namespace parallm::http {

// Gives each new connection to the shard with the fewest. Built on main; then
// on the thread of shard 0, to whose context the acceptors belong.
class Listener {
 public:
  Listener(
      Listening listening,
      std::vector<std::unique_ptr<Shard>>& shards,
      Census& census,
      int max_connections);
  ~Listener();

  void start();
  void close();

 private:
  // A socket and the coroutine that accepts from it.
  struct Door {
    explicit Door(Acceptor listening)
        : acceptor(std::move(listening)), pause(acceptor.get_executor()) {}

    Acceptor acceptor;
    boost::asio::steady_timer pause;
  };

  Task<> accept_all(Door* door);
  bool accept_ready(Acceptor& acceptor);
  bool accept_one(Acceptor& acceptor, boost::system::error_code& error);

  std::vector<std::unique_ptr<Shard>>& shards_;
  Census& census_;
  const int max_connections_;
  std::vector<Door> doors_{}; // as many as from the start
  std::string unix_path_;     // to be removed
};

} // namespace parallm::http
