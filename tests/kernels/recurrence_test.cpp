#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "base/check.h"
#include "kernels/causal_conv/causal_conv.h"
#include "kernels/gated_delta/gated_delta.h"
#include "kernels/selective_scan/selective_scan.h"
#include "tests/support/arrays.h"

// Kernels that go on from a state: each against its reference at odd sizes, and
// against itself in other company.
namespace parallm {
namespace {

using namespace test;

using Arrays = std::vector<mx::array>;
using Rows = std::vector<StateRow>;
using Advance = std::function<Advanced(
    const Arrays& inputs, const mx::array& states, const Rows& rows)>;

struct Kernel {
  std::string name;
  std::vector<int> columns; // of each input (T, columns)
  int state_floats = 0;
  Advance advance, reference;
};

void PrintTo(const Kernel& kernel, std::ostream* out) {
  *out << kernel.name;
}

Kernel conv(int taps, int channels, bool with_bias) {
  const auto weight = random_array({taps, channels}, 1);
  const auto bias =
      with_bias ? std::optional(random_array({channels}, 2)) : std::nullopt;
  return {
      fmt::format("Conv{}x{}{}", taps, channels, with_bias ? "Biased" : ""),
      {channels},
      (taps - 1) * channels,
      [=](const Arrays& in, const mx::array& states, const Rows& rows) {
        return causal_conv(in[0], weight, bias, states, rows);
      },
      [=](const Arrays& in, const mx::array& states, const Rows& rows) {
        return causal_conv_reference(in[0], weight, bias, states, rows);
      }};
}

Kernel scan(const ScanShape& shape, float least_dt, float most_dt) {
  const ScanWeights weights{
      random_array({shape.heads}, 1), random_array({shape.heads}, 2),
      random_array({shape.heads}, 3), least_dt, most_dt};
  return {
      fmt::format(
          "Scan{}x{}x{}By{}", shape.heads, shape.head_dim, shape.state,
          shape.groups),
      {scan_columns(shape), shape.heads},
      scan_state_floats(shape),
      [=](const Arrays& in, const mx::array& states, const Rows& rows) {
        return selective_scan(in[0], in[1], shape, weights, states, rows);
      },
      [=](const Arrays& in, const mx::array& states, const Rows& rows) {
        return selective_scan_reference(
            in[0], in[1], shape, weights, states, rows);
      }};
}

Kernel delta(const DeltaShape& shape) {
  const int heads = shape.value_heads;
  const DeltaWeights weights{
      random_array({heads}, 1), random_array({heads}, 2)};
  return {
      fmt::format(
          "Delta{}x{}By{}x{}", heads, shape.value_dim, shape.key_heads,
          shape.key_dim),
      {delta_columns(shape), heads, heads},
      delta_state_floats(shape),
      [=](const Arrays& in, const mx::array& states, const Rows& rows) {
        return gated_delta(in[0], in[1], in[2], shape, weights, states, rows);
      },
      [=](const Arrays& in, const mx::array& states, const Rows& rows) {
        return gated_delta_reference(
            in[0], in[1], in[2], shape, weights, states, rows);
      }};
}

std::vector<Kernel> kernels() {
  constexpr float kEndless = std::numeric_limits<float>::infinity();
  return {
      conv(2, 1, false),
      conv(3, 36, true),
      conv(4, 17, false),
      conv(5, 16, true),
      scan({1, 1, 1, 1}, 0, kEndless),
      scan({6, 5, 2, 7}, 0, kEndless),
      scan({4, 16, 1, 16}, 0.3f, 1.5f),
      scan({3, 17, 3, 33}, 0, kEndless),
      delta({1, 1, 1, 1}),
      delta({2, 6, 5, 3}),
      delta({3, 3, 16, 17}),
      delta({1, 4, 33, 8})};
}

constexpr int kSlots = 5;

class Recurrence : public testing::TestWithParam<Kernel> {
 protected:
  static Arrays inputs(int tokens, mx::Dtype type = mx::float32) {
    Arrays all;
    for (const int columns : GetParam().columns) {
      const auto seed = static_cast<uint32_t>(all.size()) + 10;
      all.push_back(random_array({tokens, columns}, seed, type));
    }
    return all;
  }

  static Arrays part(const Arrays& inputs, int begin, int end) {
    Arrays parts;
    for (const auto& input : inputs) {
      parts.push_back(rows(input, begin, end));
    }
    return parts;
  }

  // Kernels write in place: each use takes its own.
  static mx::array states() {
    auto all = random_array({kSlots, GetParam().state_floats}, 99);
    mx::eval(all);
    return all;
  }

  static Advanced advance(
      const Arrays& in, const mx::array& states, const Rows& rows) {
    auto done = GetParam().advance(in, states, rows);
    mx::eval(done.out, done.states);
    return done;
  }
};

// Three sequences go on, begin, go on.
const Rows kRagged{{3, 0, 1, false}, {0, 1, 7, true}, {4, 8, 3, false}};

TEST_P(Recurrence, AgreesWithTheReference) {
  for (const auto type : {mx::float32, mx::float16, mx::bfloat16}) {
    const auto in = inputs(11, type);
    const auto expected = GetParam().reference(in, states(), kRagged);
    const auto got = advance(in, states(), kRagged);
    EXPECT_EQ(got.out.dtype(), type);
    EXPECT_LT(max_difference(got.out, expected.out), 16 * rounding(type));
    EXPECT_LT(max_difference(got.states, expected.states), 1e-4f);
  }
}

TEST_P(Recurrence, LeavesOtherSlotsAlone) {
  const auto got = advance(inputs(11), states(), kRagged);
  for (const int slot : {1, 2}) {
    EXPECT_TRUE(same_bits(
        rows(got.states, slot, slot + 1), rows(states(), slot, slot + 1)));
  }
}

TEST_P(Recurrence, ARowAloneHasTheBitsOfARowAmongOthers) {
  const auto in = inputs(11);
  const auto together = advance(in, states(), kRagged);
  for (const StateRow& row : kRagged) {
    const int end = row.first_token + row.tokens;
    const auto alone = advance(
        part(in, row.first_token, end), states(),
        {{row.slot, 0, row.tokens, row.begins}});
    EXPECT_TRUE(same_bits(alone.out, rows(together.out, row.first_token, end)));
    EXPECT_TRUE(same_bits(
        rows(alone.states, row.slot, row.slot + 1),
        rows(together.states, row.slot, row.slot + 1)));
  }
}

TEST_P(Recurrence, ChunksOfAnySizeGiveTheBitsOfTheWhole) {
  for (const auto type : {mx::float32, mx::bfloat16}) {
    const auto in = inputs(9, type);
    const auto whole = advance(in, states(), {{2, 0, 9, true}});
    for (int border = 1; border < 9; ++border) {
      const auto head =
          advance(part(in, 0, border), states(), {{2, 0, border, true}});
      const auto tail = advance(
          part(in, border, 9), head.states, {{2, 0, 9 - border, false}});
      EXPECT_TRUE(
          same_bits(mx::concatenate({head.out, tail.out}, 0), whole.out))
          << border;
      EXPECT_TRUE(same_bits(tail.states, whole.states)) << border;
    }
  }
}

TEST_P(Recurrence, WhoBeginsDoesNotSeeWhatWasInTheSlot) {
  const auto in = inputs(4);
  const mx::array zeros = mx::zeros({kSlots, GetParam().state_floats});
  EXPECT_TRUE(same_bits(
      advance(in, states(), {{1, 0, 4, true}}).out,
      advance(in, zeros, {{1, 0, 4, false}}).out));
  EXPECT_FALSE(same_bits(
      advance(in, states(), {{1, 0, 4, false}}).out,
      advance(in, zeros, {{1, 0, 4, false}}).out));
}

// As projections hold them: columns of something wider.
TEST_P(Recurrence, TakesColumnsOfAWiderArray) {
  const auto in = inputs(6);
  Arrays columns;
  for (const auto& input : in) {
    const auto wide = mx::pad(input, {{0, 0}, {3, 2}});
    columns.push_back(
        mx::slice(wide, mx::Shape{0, 3}, mx::Shape{6, 3 + input.shape(1)}));
  }
  const Rows row{{0, 0, 6, false}};
  EXPECT_TRUE(same_bits(
      advance(columns, states(), row).out, advance(in, states(), row).out));
}

TEST_P(Recurrence, NeverMovesTheStatesWithManyStepsInFlight) {
  auto newest = states();
  const void* memory = newest.data<float>();
  const auto in = inputs(2);
  for (int i = 0; i < 64; ++i) {
    const auto done =
        GetParam().advance(in, newest, {{i % kSlots, 0, 2, false}});
    mx::async_eval(done.out);
    newest = done.states;
  }
  mx::eval(newest);
  EXPECT_EQ(newest.data<float>(), memory);
}

TEST_P(Recurrence, RowsThatCannotBeAreOurMistake) {
  const auto refused = [&](const Rows& rows) {
    EXPECT_THROW(GetParam().advance(inputs(3), states(), rows), CheckFailed);
  };
  refused({{kSlots, 0, 3, true}}); // no such slot
  refused({{-1, 0, 3, true}});
  refused({{0, 0, 2, true}});                   // tokens of nobody
  refused({{0, 0, 4, true}});                   // more than there are
  refused({{0, 0, 2, true}, {1, 1, 1, true}});  // a token of two
  refused({{0, 0, 2, true}, {0, 2, 1, false}}); // a slot of two
  refused({{0, 0, 3, true}, {1, 3, 0, true}});  // empty
}

TEST_P(Recurrence, StatesOfAnotherShapeOrTypeAreOurMistake) {
  const auto refused = [&](const mx::array& states) {
    EXPECT_THROW(
        GetParam().advance(inputs(3), states, {{0, 0, 3, true}}), CheckFailed);
  };
  refused(rows(mx::transpose(states()), 0, 1));
  refused(mx::flatten(states()));
  refused(mx::astype(states(), mx::float16));
}

INSTANTIATE_TEST_SUITE_P(
    Kernels, Recurrence, testing::ValuesIn(kernels()), [](const auto& kernel) {
      return kernel.param.name;
    });

} // namespace
} // namespace parallm
