#pragma once

#include <boost/asio/awaitable.hpp>

// On the shard of its connection.
namespace parallm::http {

// A coroutine on a shard. Arguments by value; never a capturing lambda.
template <class T = void>
using Task = boost::asio::awaitable<T>;

} // namespace parallm::http
