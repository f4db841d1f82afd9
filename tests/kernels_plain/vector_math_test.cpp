#include "kernels/vector_math.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/kernels_plain/each_set.h"
#include "tests/support/numbers.h"

namespace parallm {
namespace {

using namespace test;

enum class Name { kExp, kSigmoid, kTanh, kNormalTail, kSine, kCosine };

struct Call {
  Name name = Name::kExp;
  const float* x = nullptr; // a multiple of 16 numbers
  float* out = nullptr;
  size_t size = 0;
};

PARALLM_INLINE void call_one(
    Name name, simd::Floats& out, const simd::Floats& x) {
  simd::Floats other;
  switch (name) {
    case Name::kExp:
      return simd::exp(out, x);
    case Name::kSigmoid:
      return simd::sigmoid(out, x);
    case Name::kTanh:
      return simd::tanh(out, x);
    case Name::kNormalTail:
      return simd::normal_tail(out, x);
    case Name::kSine:
      return simd::turn_into(out, other, x);
    case Name::kCosine:
      return simd::turn_into(other, out, x);
  }
}

PARALLM_INLINE void call_body(const Call& call) {
  for (size_t i = 0; i < call.size; i += simd::kLanes) {
    simd::Floats x, out;
    std::memcpy(&x, call.x + i, sizeof(x));
    call_one(call.name, out, x);
    std::memcpy(call.out + i, &out, sizeof(out));
  }
}

PARALLM_MULTIVERSION(call_all, call_body, Call)

std::vector<float> called(Name name, const std::vector<float>& x) {
  std::vector<float> padded(x), out(simd::round_up(static_cast<int>(x.size())));
  padded.resize(out.size(), 1.0f);
  call_all({name, padded.data(), out.data(), out.size()});
  out.resize(x.size());
  return out;
}

std::vector<float> line(double first, double last, int count) {
  std::vector<float> numbers;
  for (int i = 0; i <= count; ++i) {
    numbers.push_back(static_cast<float>(first + (last - first) * i / count));
  }
  return numbers;
}

// By how much results are off, relatively; what is below the normal numbers
// has fewer digits.
double worst_error(
    Name name,
    const std::vector<float>& x,
    const std::function<double(double)>& exact) {
  const auto results = called(name, x);
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double expected = exact(x[i]);
    const double size = std::max(std::abs(expected), 1.2e-38);
    const double error = std::abs(results[i] - expected) / size;
    worst = test::larger_error(worst, error);
  }
  return worst;
}

TEST(VectorMath, IsWithinAMillionthOfFloat64) {
  under_each_set([] {
    EXPECT_LT(
        worst_error(
            Name::kExp, line(-100, 88.7, 300001),
            [](double x) { return std::exp(x); }),
        1e-6);
    EXPECT_LT(
        worst_error(
            Name::kSigmoid, line(-87, 100, 300001),
            [](double x) { return 1 / (1 + std::exp(-x)); }),
        1e-6);
    EXPECT_LT(
        worst_error(
            Name::kTanh, line(-12, 12, 300001),
            [](double x) { return std::tanh(x); }),
        1e-6);
    EXPECT_LT(
        worst_error(
            Name::kNormalTail, line(0, 12.9, 300001),
            [](double x) { return std::erfc(x / std::sqrt(2.0)) / 2; }),
        1e-6);
  });
}

// Of the angles that positions up to 100 million make; beside 1, since where a
// sine is next to 0 the angle's own last bit decides.
TEST(VectorMath, TurnsByAnglesOfAnySize) {
  under_each_set([] {
    for (const double most : {1.0, 100.0, 131072.0, 1e8}) {
      const auto angles = line(-most, most, 300001);
      const auto sines = called(Name::kSine, angles);
      const auto cosines = called(Name::kCosine, angles);
      double worst = 0;
      for (size_t i = 0; i < angles.size(); ++i) {
        const double x = angles[i];
        worst = test::larger_error(worst, std::abs(sines[i] - std::sin(x)));
        worst = test::larger_error(worst, std::abs(cosines[i] - std::cos(x)));
      }
      EXPECT_LT(worst, 2e-7) << most;
    }
  });
}

TEST(VectorMath, GoesToItsLimitsAndKeepsWhatIsNoNumber) {
  under_each_set([] {
    const std::vector<float> x = {-INFINITY, -1e4f, 1e4f, INFINITY, NAN};
    const auto expect = [&](Name name, const std::vector<float>& expected) {
      const auto results = called(name, x);
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(results[i], expected[i]) << x[i];
      }
      EXPECT_TRUE(std::isnan(results[4]));
    };
    expect(Name::kExp, {0, 0, INFINITY, INFINITY});
    expect(Name::kSigmoid, {0, 0, 1, 1});
    expect(Name::kTanh, {-1, -1, 1, 1});
    EXPECT_EQ(called(Name::kNormalTail, x)[3], 0);
    EXPECT_TRUE(std::isnan(called(Name::kNormalTail, x)[4]));
  });
}

struct Search {
  const float* x = nullptr; // 48 numbers
  float* found = nullptr;
};

PARALLM_INLINE void search_body(const Search& search) {
  simd::LargestMagnitude most;
  for (int i = 0; i < 48; i += simd::kLanes) {
    simd::Floats x;
    std::memcpy(&x, search.x + i, sizeof(x));
    most.see(x);
  }
  *search.found = most.value();
}

PARALLM_MULTIVERSION(search_all, search_body, Search)

TEST(VectorMath, FindsTheLargestMagnitudeAnywhere) {
  under_each_set([] {
    for (int place = 0; place < 48; ++place) {
      for (const float most : {1.5f, -1.5f, INFINITY, -NAN}) {
        std::vector<float> x = line(-1, 1, 47);
        x[place] = most;
        float found = 0;
        search_all({x.data(), &found});
        EXPECT_EQ(std::isnan(found), std::isnan(most)) << place;
        EXPECT_TRUE(found == std::abs(most) || std::isnan(most)) << place;
      }
    }
  });
}

} // namespace
} // namespace parallm
