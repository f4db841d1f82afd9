#include "kvstore/kv_store.h"

#include <limits>
#include <numeric>

#include "base/check.h"
#include "kernels/allocation.h"
#include "kernels/kv_write/kv_write.h"
#include "kernels/kv_write/stored_rows.h"
#include "kernels/place_kv/place_kv.h"
#include "kernels/zero_pages.h"

namespace parallm {

namespace {

// Places in a pool are int32.
bool has_int32_places(const KvGeometry& g) {
  return int64_t{g.blocks} * g.block_tokens <=
         std::numeric_limits<int32_t>::max();
}

size_t all_bytes(const KvGeometry& g) {
  return static_cast<size_t>(g.blocks) * kv_bytes_per_block(g) + state_bytes(g);
}

StartError no_memory(const KvGeometry& g) {
  const auto states =
      g.states.empty()
          ? std::string()
          : fmt::format(", and the states of {} sequences", g.state_slots);
  return StartError(
      kExitNoMemory,
      fmt::format(
          "not enough memory: the system refuses {} bytes for keys and values, "
          "{} blocks of {} tokens in {} layers{}",
          all_bytes(g), g.blocks, g.block_tokens, g.layers, states));
}

} // namespace

size_t kv_bytes_per_block(const KvGeometry& g) {
  const size_t pools = g.latent > 0 ? 1 : 2;
  return pools * g.layers * g.block_tokens * g.kv_heads *
         stored_items(g.dtype, g.head_dim) * g.dtype.size();
}

size_t state_bytes(const KvGeometry& g) {
  const auto floats =
      std::accumulate(g.states.begin(), g.states.end(), size_t{0});
  return floats * g.state_slots * sizeof(float);
}

KvStore::KvStore(const KvGeometry& geometry) : geometry_(geometry) {
  PARALLM_CHECK(
      geometry.layers >= 0 && geometry.blocks > 0 &&
          geometry.block_tokens > 0 && has_int32_places(geometry) &&
          (geometry.states.empty() || geometry.state_slots > 0),
      "{} layers, {} blocks of {}, {} states of {} sequences", geometry.layers,
      geometry.blocks, geometry.block_tokens, geometry.states.size(),
      geometry.state_slots);
  if (!can_allocate(all_bytes(geometry))) {
    throw no_memory(geometry);
  }
  try {
    make_pools();
  } catch (const std::exception& error) {
    if (is_refused_memory(error)) {
      throw no_memory(geometry);
    }
    throw;
  }
}

void KvStore::make_pools() {
  const auto& g = geometry_;
  const mx::Shape shape{
      g.blocks, g.kv_heads, g.block_tokens, stored_items(g.dtype, g.head_dim)};
  for (int i = 0; i < g.layers; ++i) {
    keys_.push_back(make_pool(shape, g.dtype));
    if (g.latent == 0) {
      values_.push_back(make_pool(shape, g.dtype));
    }
  }
  for (const int floats : g.states) {
    states_.push_back(make_pool({g.state_slots, floats}, mx::float32));
  }
}

KvStore::Pool KvStore::make_pool(const mx::Shape& shape, mx::Dtype dtype) {
  const auto pool = zero_pages(shape, dtype);
  return {pool, pool};
}

const mx::array& KvStore::keys(int layer) const {
  return keys_.at(layer).newest;
}

const mx::array& KvStore::values(int layer) const {
  return geometry_.latent > 0 ? keys(layer) : values_.at(layer).newest;
}

const mx::array& KvStore::state(int number) const {
  return states_.at(number).newest;
}

void KvStore::keep_state(int number, const mx::array& newest) {
  Pool& pool = states_.at(number);
  settle(pool);
  pool.newest = newest;
}

void KvStore::write(
    int layer,
    const mx::array& keys,
    const std::optional<mx::array>& values,
    const mx::array& slots) {
  write(keys_.at(layer), keys, slots);
  if (values) {
    write(values_.at(layer), *values, slots);
  }
}

void KvStore::write(Pool& pool, const mx::array& rows, const mx::array& slots) {
  settle(pool);
  pool.newest = kv_write(pool.newest, rows, slots);
}

mx::array KvStore::place(
    int layer,
    const RopeHeads& q,
    const RopeHeads& k,
    const mx::array& v,
    const RopeTurns& turns,
    const mx::array& slots) {
  Pool &keys = keys_.at(layer), &values = values_.at(layer);
  settle(keys);
  settle(values);
  const auto placed =
      place_kv(q, k, v, turns, slots, {keys.newest, values.newest});
  keys.newest = placed.pools.keys;
  values.newest = placed.pools.values;
  return placed.q;
}

// Where the kernel writes in place, base and newest are one memory and this
// changes nothing; where it does not, base must follow.
void KvStore::settle(Pool& pool) {
  if (pool.newest.is_available()) {
    pool.base = pool.newest;
  }
}

std::vector<mx::array> KvStore::newest() const {
  std::vector<mx::array> handles;
  for (const auto* pools : {&keys_, &values_, &states_}) {
    for (const auto& pool : *pools) {
      handles.push_back(pool.newest);
    }
  }
  return handles;
}

void KvStore::return_to(const std::vector<mx::array>& handles) {
  size_t next = 0;
  for (auto* pools : {&keys_, &values_, &states_}) {
    for (auto& pool : *pools) {
      pool.newest = handles.at(next++);
    }
  }
}

// Without this, base would follow only between steps that do not overlap.
void KvStore::keep(const std::vector<mx::array>& handles) {
  size_t next = 0;
  for (auto* pools : {&keys_, &values_, &states_}) {
    for (auto& pool : *pools) {
      pool.base = handles.at(next++);
    }
  }
}

void KvStore::recover() {
  try {
    mx::eval(newest());
  } catch (const std::exception&) { // whoever waits for it will be told
  }
  forget_pending_writes();
}

void KvStore::forget_pending_writes() {
  for (auto* pools : {&keys_, &values_, &states_}) {
    for (auto& pool : *pools) {
      settle(pool);
      pool.newest = pool.base;
    }
  }
}

} // namespace parallm
