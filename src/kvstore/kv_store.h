#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "kernels/rope/rope.h"
#include "nn/step_context.h"

namespace parallm {

// How large the pools are. Letters: G key/value heads, D width of a head.
struct KvGeometry {
  int layers = 0; // that keep keys and values
  int blocks = 0;
  int block_tokens = 16;
  int kv_heads = 0;
  int head_dim = 0;
  int latent = 0; // > 0: no values are kept; they are the first so many numbers
                  // of each key
  mx::Dtype dtype = mx::float32; // f32, f16, bf16, or int8 with scales
  std::vector<int> states{};     // floats that a sequence keeps in each
  int state_slots = 0;           // sequences that keep them at a time
};

// Of one block over all layers, keys and values.
size_t kv_bytes_per_block(const KvGeometry& geometry);

// Of all states.
size_t state_bytes(const KvGeometry& geometry);

// What all sequences have stored: keys and values, one pool pair a layer, and
// states. Allocated once, filled page by page, and written in place, never
// copied, where there is a kernel for it. Engine thread only.
class KvStore {
 public:
  // Throws StartError(kExitNoMemory) with the numbers if the system refuses
  // the memory.
  explicit KvStore(const KvGeometry& geometry);

  const KvGeometry& geometry() const { return geometry_; }

  // The newest handle: it runs after every write launched so far.
  const mx::array& keys(int layer) const;   // (blocks, G, block_tokens, D), or
                                            // D + 4 of int8: see kv_write
  const mx::array& values(int layer) const; // of latents: the keys

  // Stores keys and values (N, G, D) at slots (N); slot = block *
  // block_tokens + place in the block. Lazy.
  void write(
      int layer,
      const mx::array& keys,
      const std::optional<mx::array>& values, // none of latents
      const mx::array& slots);
  // Turns q and k (see rope_heads) on the way: returns q (N, H, D). Not of
  // latents.
  mx::array place(
      int layer,
      const RopeHeads& q,
      const RopeHeads& k,
      const mx::array& v,
      const RopeTurns& turns,
      const mx::array& slots);

  // (state_slots, floats of one) float32
  const mx::array& state(int number) const;
  // What a kernel made of state(number). Lazy.
  void keep_state(int number, const mx::array& newest);

  // All newest handles: evaluating them runs every write launched so far.
  std::vector<mx::array> newest() const;

  // Three ways out of a step that has thrown, so that the next one does not
  // run its broken graph again. Rows and states of the failed step may be half
  // written; nobody may read them.
  //
  // Its launch: back to newest() of before. Writes of a step that is still in
  // flight are not touched, nor waited for.
  void return_to(const std::vector<mx::array>& handles);
  // Its sampling, when no other is in flight: forgets the writes that have
  // not run, back to what was last kept.
  void forget_pending_writes();
  // The wait for it, while another may be on its way: waits for the writes of
  // that one, and forgets them only if they fail too.
  void recover();

  // A step has run: keeps newest() of its launch as what to go back to.
  void keep(const std::vector<mx::array>& handles);

 private:
  struct Pool {
    mx::array base;   // evaluated, to go back to; never given away
    mx::array newest; // the same memory, ordered after all writes
  };
  static Pool make_pool(const mx::Shape& shape, mx::Dtype dtype);
  void make_pools();
  static void settle(Pool& pool);
  static void write(Pool&, const mx::array& rows, const mx::array& slots);

  KvGeometry geometry_;
  std::vector<Pool> keys_, values_; // one a layer; of latents, no values
  std::vector<Pool> states_;
};

} // namespace parallm
