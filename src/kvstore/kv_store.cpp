#include "kvstore/kv_store.h"

#include <limits>
#include <tuple>

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
  return size_t{2} * g.layers * g.block_tokens * g.kv_heads * g.head_dim *
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
    values_.push_back(make_pool(geometry_));
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
  return values_.at(layer).newest;
}

void KvStore::write(
    int layer,
    const mx::array& keys,
    const mx::array& values,
    const mx::array& slots) {
  auto& k = keys_.at(layer);
  auto& v = values_.at(layer);
  settle(k);
  settle(v);
  std::tie(k.newest, v.newest) =
      kv_write(k.newest, v.newest, keys, values, slots);
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
  for (size_t i = 0; i < keys_.size(); ++i) {
    handles.push_back(keys_[i].newest);
    handles.push_back(values_[i].newest);
  }
  return handles;
}

void KvStore::return_to(const std::vector<mx::array>& handles) {
  for (size_t i = 0; i < keys_.size(); ++i) {
    keys_[i].newest = handles.at(2 * i);
    values_[i].newest = handles.at(2 * i + 1);
  }
}

// Without this, base would follow only between steps that do not overlap.
void KvStore::keep(const std::vector<mx::array>& handles) {
  for (size_t i = 0; i < keys_.size(); ++i) {
    keys_[i].base = handles.at(2 * i);
    values_[i].base = handles.at(2 * i + 1);
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
