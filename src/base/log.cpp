#include "base/log.h"

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace parallm::log {

namespace {

constexpr size_t kQueuedMessages = 8192;

// %* is the message as EscapedMessage writes it.
constexpr auto kTextPattern = "%Y-%m-%dT%H:%M:%S.%e %^%l%$ %*";
constexpr auto kJsonPattern =
    R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%*"})";

// A message stays one line whatever a client has put into it, and in a JSON
// line it stays a JSON string.
class EscapedMessage : public spdlog::custom_flag_formatter {
 public:
  explicit EscapedMessage(Format format) : format_(format) {}

  void format(
      const spdlog::details::log_msg& message,
      const std::tm&,
      spdlog::memory_buf_t& out) override {
    const auto& text = message.payload;
    append_escaped({text.data(), text.size()}, format_, out);
  }

  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<EscapedMessage>(format_);
  }

 private:
  static void append_escaped(
      std::string_view text, Format format, spdlog::memory_buf_t& out) {
    for (const char byte : text) {
      const bool quoted =
          format == Format::kJson && (byte == '"' || byte == '\\');
      if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) {
        fmt::format_to(
            std::back_inserter(out), "\\u{:04x}", static_cast<int>(byte));
        continue;
      }
      if (quoted) {
        out.push_back('\\');
      }
      out.push_back(byte);
    }
  }

  const Format format_;
};

spdlog::level::level_enum level_of(Level level) {
  return static_cast<spdlog::level::level_enum>(level);
}
static_assert(static_cast<int>(Level::kError) == SPDLOG_LEVEL_ERROR);

void use(std::shared_ptr<spdlog::logger> logger, Level level, Format format) {
  auto lines = std::make_unique<spdlog::pattern_formatter>();
  lines->add_flag<EscapedMessage>('*', format)
      .set_pattern(format == Format::kJson ? kJsonPattern : kTextPattern);
  logger->set_level(level_of(level));
  logger->set_formatter(std::move(lines));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

std::shared_ptr<spdlog::sinks::sink> standard_error() {
  return std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
}

} // namespace

void set_up(Level level, Format format) {
  use(std::make_shared<spdlog::logger>("parallm", standard_error()), level,
      format);
}

Background::Background(Level level, Format format) {
  spdlog::init_thread_pool(kQueuedMessages, 1);
  use(std::make_shared<spdlog::async_logger>(
          "parallm", standard_error(), spdlog::thread_pool(),
          spdlog::async_overflow_policy::overrun_oldest),
      level, format);
}

Background::~Background() {
  spdlog::shutdown();
  set_up(Level::kInfo, Format::kText); // for whoever speaks later
}

void silence() {
  spdlog::set_level(spdlog::level::off);
}

void speak() {
  spdlog::set_level(spdlog::level::info);
}

bool writes(Level level) {
  return spdlog::should_log(level_of(level));
}

void write(Level level, std::string_view message) {
  spdlog::default_logger_raw()->log(
      level_of(level), spdlog::string_view_t(message.data(), message.size()));
}

} // namespace parallm::log
