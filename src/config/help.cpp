#include "config/help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>
#include <vector>

#include "config/schema.h"

namespace parallm {

namespace {

constexpr size_t kWidth = 80;
constexpr size_t kHelpColumn = 30;

// Appends words to `out`, breaking lines; `column` is where `out` stands.
void wrap(
    std::string& out, std::string_view text, size_t column, size_t indent) {
  while (!text.empty()) {
    const size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    if (column > indent && column + 1 + word.size() > kWidth) {
      out += '\n';
      out.append(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(space == text.npos ? text.size() : space + 1);
  }
  out += '\n';
}

void add_line(std::string& out, std::string left, std::string_view right) {
  left = "  " + left;
  if (left.size() + 2 > kHelpColumn) {
    out += left + '\n';
    left.clear();
  }
  left.resize(kHelpColumn, ' ');
  out += left;
  wrap(out, right, kHelpColumn, kHelpColumn);
}

std::string left_of(const Setting& setting) {
  const std::string flag = flag_name(setting.name);
  if (setting.slot.kind == Kind::kSwitch) {
    return flag + " on|off";
  }
  if (setting.slot.kind == Kind::kChoice) {
    return fmt::format("{} {}", flag, fmt::join(setting.slot.words, "|"));
  }
  return fmt::format("{} {}", flag, setting.value);
}

std::string default_note(const Setting& setting) {
  if (setting.slot.kind == Kind::kList) {
    return " (repeatable)";
  }
  const Texts texts = default_texts(setting);
  return texts.front().empty() ? "" : fmt::format(" ({})", texts.front());
}

void add_group(std::string& out, SettingGroup group) {
  out += fmt::format("\n{}:\n", title(group));
  for (const Setting& setting : settings()) {
    if (setting.group == group && setting.status != Status::kLater) {
      add_line(
          out, left_of(setting),
          std::string(setting.help) + default_note(setting));
    }
  }
}

std::string later_flags() {
  std::vector<std::string> names;
  for (const Setting& setting : settings()) {
    if (setting.status == Status::kLater) {
      names.push_back(flag_name(setting.name));
    }
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

} // namespace

std::string server_help(std::string_view program) {
  std::string out = fmt::format(
      "Usage: {} [--model-path PATH] [flags]\n\n"
      "Serves an MLX checkpoint over HTTP with the OpenAI API.\n"
      "Defaults stand in brackets. BYTES may end in K, M or G, powers of "
      "1024.\n",
      program);
  for (SettingGroup group :
       {SettingGroup::kModel, SettingGroup::kNetwork, SettingGroup::kEngine,
        SettingGroup::kRequests, SettingGroup::kObservability,
        SettingGroup::kAncestor}) {
    add_group(out, group);
  }
  out += "\nOthers:\n";
  add_line(
      out, "--config FILE",
      "settings as TOML (parallm.toml in the working directory, if there)");
  add_line(out, "--print-config", "print the settings and who set each");
  add_line(out, "--version", "print the version");
  add_line(out, "-h, --help", "print this");
  out += "\nKnown, but not available in this version:\n  ";
  wrap(out, later_flags(), 2, 2);
  out += fmt::format(
      "\nEach flag is also a variable and a key: --max-body is "
      "PARALLM_MAX_BODY and\nmax_body. A flag wins over a variable, a "
      "variable over the file. Lists in\nvariables are separated by commas.\n"
      "\nExample:\n  {} --model-path models/Llama-3.2-1B-Instruct-4bit --port "
      "8000\n",
      program);
  return out;
}

} // namespace parallm
