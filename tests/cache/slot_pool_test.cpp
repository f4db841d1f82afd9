#include "cache/slot_pool.h"

#include <gtest/gtest.h>

namespace parallm {
namespace {

TEST(SlotPool, EverySlotHasOneHolderAndComesBack) {
  SlotPool pool(2);
  {
    Slot first(pool);
    Slot second(pool);
    EXPECT_NE(first.number(), second.number());
    EXPECT_EQ(pool.free_slots(), 0);
    EXPECT_THROW(Slot third(pool), CheckFailed);
    Slot moved = std::move(first);
    EXPECT_FALSE(first.held()); // NOLINT: a moved-from slot holds nothing
    EXPECT_TRUE(moved.held());
  }
  EXPECT_EQ(pool.free_slots(), 2);
}

} // namespace
} // namespace parallm
