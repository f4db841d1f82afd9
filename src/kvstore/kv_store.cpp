#include "kvstore/kv_store.h"

#include <limits>

#include "base/check.h"
#include "kernels/allocation.h"
#include "kernels/kv_write/kv_write.h"

namespace parallm {

namespace {

// Places in a pool are int32.
bool has_int32_places(const KvGeometry& g) {
  return int64_t{g.blocks} * g.block_tokens <=
         std::numeric_limits<int32_t>::max();
}

StartError no_memory(const KvGeometry& g) {
  return StartError(
      kExitNoMemory,
      fmt::format(
          "not enough memory: the system refuses {} bytes for keys and values, "
          "{} blocks of {} tokens in {} layers",
          static_cast<size_t>(g.blocks) * kv_bytes_per_block(g), g.blocks,
          g.block_tokens, g.layers));
}

} // namespace

size_t kv_bytes_per_block(const KvGeometry& g) {
  const size_t pools = g.latent > 0 ? 1 : 2;
  return pools * g.layers * g.block_tokens * g.kv_heads * g.head_dim *
         g.dtype.size();
}

KvStore::KvStore(const KvGeometry& geometry) : geometry_(geometry) {
  PARALLM_CHECK(
      geometry.layers > 0 && geometry.blocks > 0 && geometry.block_tokens > 0 &&
          has_int32_places(geometry),
      "{} layers, {} blocks of {}", geometry.layers, geometry.blocks,
      geometry.block_tokens);
  if (!can_allocate(
          static_cast<size_t>(geometry.blocks) *
          kv_bytes_per_block(geometry))) {
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
  for (int i = 0; i < geometry_.layers; ++i) {
    keys_.push_back(make_pool(geometry_));
    if (geometry_.latent == 0) {
      values_.push_back(make_pool(geometry_));
    }
  }
}

KvStore::Pool KvStore::make_pool(const KvGeometry& g) {
  auto pool =
      mx::zeros({g.blocks, g.block_tokens, g.kv_heads, g.head_dim}, g.dtype);
  mx::eval(pool);
  return {pool, pool};
}

const mx::array& KvStore::keys(int layer) const {
  return keys_.at(layer).newest;
}

const mx::array& KvStore::values(int layer) const {
  return geometry_.latent > 0 ? keys(layer) : values_.at(layer).newest;
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

// Where the kernel writes in place, base and newest are one memory and this
// changes nothing; where it does not, base must follow.
void KvStore::settle(Pool& pool) {
  if (pool.newest.is_available()) {
    pool.base = pool.newest;
  }
}

std::vector<mx::array> KvStore::newest() const {
  std::vector<mx::array> handles;
  for (const auto* pools : {&keys_, &values_}) {
    for (const auto& pool : *pools) {
      handles.push_back(pool.newest);
    }
  }
  return handles;
}

void KvStore::return_to(const std::vector<mx::array>& handles) {
  size_t next = 0;
  for (auto* pools : {&keys_, &values_}) {
    for (auto& pool : *pools) {
      pool.newest = handles.at(next++);
    }
  }
}

// Without this, base would follow only between steps that do not overlap.
void KvStore::keep(const std::vector<mx::array>& handles) {
  size_t next = 0;
  for (auto* pools : {&keys_, &values_}) {
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
  for (auto* pools : {&keys_, &values_}) {
    for (auto& pool : *pools) {
      settle(pool);
      pool.newest = pool.base;
    }
  }
}

} // namespace parallm
