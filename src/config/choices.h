#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/log.h"

// Settings that are one word out of a few, and the words. Plain values.
// Main thread, at the start.
namespace parallm {

enum class WeightType : uint8_t { kCheckpoint, kF32, kF16, kBF16 };
// kAuto: f32 for f32 checkpoints, else bf16.
enum class KvType : uint8_t { kAuto, kF32, kF16, kBF16, kInt8 };
// kNone: defaults of the API, whatever generation_config.json says.
enum class GenerationDefaults : uint8_t { kAuto, kNone };
enum class DeviceChoice : uint8_t { kAuto, kCpu, kMetal };
enum class NumericsChoice : uint8_t { kAuto, kInvariant, kFast };
enum class UnknownFieldPolicy : uint8_t { kRefuse, kWarn };
using LogLevel = log::Level;
enum class RequestLog : uint8_t { kMetadata, kFull, kOff };

template <size_t N>
using Words = std::array<std::string_view, N>;

// The words of a type, in the order of its enumerators.
template <class Enum>
inline constexpr int kWords = 0;
template <>
inline constexpr Words<4> kWords<WeightType>{
    "checkpoint", "f32", "f16", "bf16"};
template <>
inline constexpr Words<5> kWords<KvType>{"auto", "f32", "f16", "bf16", "int8"};
template <>
inline constexpr Words<2> kWords<GenerationDefaults>{"auto", "none"};
template <>
inline constexpr Words<3> kWords<DeviceChoice>{"auto", "cpu", "metal"};
template <>
inline constexpr Words<3> kWords<NumericsChoice>{"auto", "invariant", "fast"};
template <>
inline constexpr Words<2> kWords<UnknownFieldPolicy>{"refuse", "warn"};
template <>
inline constexpr Words<5> kWords<LogLevel>{
    "trace", "debug", "info", "warn", "error"};
template <>
inline constexpr Words<2> kWords<log::Format>{"text", "json"};
template <>
inline constexpr Words<3> kWords<RequestLog>{"metadata", "full", "off"};

template <class Enum>
constexpr std::string_view word_of(Enum value) {
  return kWords<Enum>[static_cast<size_t>(value)];
}

} // namespace parallm
