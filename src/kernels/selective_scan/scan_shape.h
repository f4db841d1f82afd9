#pragma once

// Plain values and functions without state: any thread.
namespace parallm {

// The sizes of a selective scan: H heads of P numbers, in G groups that share
// what goes in and what is read; each number keeps N in its state.
struct ScanShape {
  int heads = 0;    // H, a multiple of G
  int head_dim = 0; // P
  int groups = 1;   // G
  int state = 0;    // N
};

// x of a token: H P.
int scan_width(const ScanShape& shape);

// x, B and C of a token: H P + 2 G N.
int scan_columns(const ScanShape& shape);

// Floats of one slot: (H, P, N), N rounded up to whole vectors.
int scan_state_floats(const ScanShape& shape);

} // namespace parallm
