#pragma once

// Plain values and functions without state: any thread.
namespace parallm {

// The sizes of a gated delta rule: Hk heads of queries and keys, each shared
// by Hv / Hk heads of values.
struct DeltaShape {
  int key_heads = 0;   // Hk
  int value_heads = 0; // Hv, a multiple of Hk
  int key_dim = 0;     // Dk
  int value_dim = 0;   // Dv
};

// Values of a token: Hv Dv.
int delta_width(const DeltaShape& shape);

// Queries, keys and values of a token: 2 Hk Dk + Hv Dv.
int delta_columns(const DeltaShape& shape);

// Floats of one slot: (Hv, Dv, Dk), Dk rounded up to whole vectors.
int delta_state_floats(const DeltaShape& shape);

} // namespace parallm
