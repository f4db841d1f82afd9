#pragma once

// Plain values and functions without state: any thread.
namespace parallm {

// How the key/value memory is cut; constant once the model is loaded.
struct CacheGeometry {
  int num_blocks = 0;
  int block_tokens = 16; // positions in one block
};

} // namespace parallm
