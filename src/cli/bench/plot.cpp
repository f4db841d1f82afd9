#include "cli/bench/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace parallm::bench {

namespace {

// In pixels.
constexpr double kPanelWidth = 400;
constexpr double kPanelHeight = 280;
constexpr double kLeft = 70;
constexpr double kTop = 60;
constexpr double kStride = 510; // from one panel to the next
constexpr int kMarks = 5;       // of a linear axis, besides 0

struct Line {
  std::string name{};
  std::string colour{};
  std::function<std::optional<double>(const LoadPoint&)> value{};
};

struct Panel {
  std::string unit{};
  bool logarithmic = false;
  std::vector<Line> lines{};
  double left = 0;
  double low = 0; // ends of the axis, in its unit
  double high = 1;
};

// Control characters may not stand in XML.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool control = static_cast<unsigned char>(c) < ' ';
    out += c == '<'   ? "&lt;"
           : c == '&' ? "&amp;"
           : control  ? " "
                      : std::string(1, c);
  }
  return out;
}

std::string text(
    double x, double y, const char* anchor, const std::string& words) {
  return fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y,
      anchor, escaped(words));
}

std::string stroke(
    double x1, double y1, double x2, double y2, const std::string& colour) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" "
      "stroke=\"{}\"/>\n",
      x1, y1, x2, y2, colour);
}

// Equal steps for equal factors of concurrency.
double x_of(
    const Panel& panel, const std::vector<LoadPoint>& points, int streams) {
  const double first = std::log2(points.front().concurrency);
  const double whole = std::log2(points.back().concurrency) - first;
  const double part = whole > 0 ? (std::log2(streams) - first) / whole : 0.5;
  return panel.left + part * kPanelWidth;
}

double y_of(const Panel& panel, double value) {
  const auto scale = [&](double v) {
    return panel.logarithmic ? std::log10(std::max(v, panel.low)) : v;
  };
  const double part = (scale(value) - scale(panel.low)) /
                      (scale(panel.high) - scale(panel.low));
  return kTop + kPanelHeight * (1 - part);
}

// The next number of one digit, times a power of ten, from `value` up.
double round_up(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  return std::ceil(value / power) * power;
}

double decade_below(double value) {
  return std::pow(10, std::floor(std::log10(value)));
}

std::vector<double> values_of(
    const Panel& panel, const std::vector<LoadPoint>& points) {
  std::vector<double> values;
  for (const LoadPoint& point : points) {
    for (const Line& line : panel.lines) {
      const auto value = line.value(point);
      if (value && *value > 0) {
        values.push_back(*value);
      }
    }
  }
  return values;
}

// Gives the axis its ends.
void fit(Panel& panel, const std::vector<LoadPoint>& points) {
  std::vector<double> values = values_of(panel, points);
  if (values.empty()) {
    values = {1};
  }
  const auto [least, most] = std::ranges::minmax(values);
  panel.low = panel.logarithmic ? decade_below(least) : 0;
  panel.high = panel.logarithmic ? 10 * decade_below(most)
                                 : kMarks * round_up(most / kMarks);
}

std::vector<double> marks(const Panel& panel) {
  std::vector<double> values;
  if (panel.logarithmic) {
    for (double v = panel.low; v < 1.5 * panel.high; v *= 10) {
      values.push_back(v);
    }
    return values;
  }
  for (int i = 0; i <= kMarks; ++i) {
    values.push_back(panel.high * i / kMarks);
  }
  return values;
}

std::string axes(const Panel& panel, const std::vector<LoadPoint>& points) {
  const double bottom = kTop + kPanelHeight;
  const double right = panel.left + kPanelWidth;
  std::string out;
  for (const double value : marks(panel)) {
    const double y = y_of(panel, value);
    out += stroke(panel.left, y, right, y, "#ddd");
    out += text(panel.left - 8, y + 4, "end", fmt::format("{:g}", value));
  }
  out += stroke(panel.left, bottom, right, bottom, "#333");
  for (const LoadPoint& point : points) {
    const double x = x_of(panel, points, point.concurrency);
    out += stroke(x, bottom, x, bottom + 5, "#333");
    out += text(x, bottom + 20, "middle", fmt::format("{}", point.concurrency));
  }
  out += text(
      panel.left + kPanelWidth / 2, bottom + 42, "middle", "streams at a time");
  return out + text(panel.left, kTop - 12, "middle", panel.unit);
}

std::string curve(
    const Panel& panel,
    const Line& line,
    const std::vector<LoadPoint>& points) {
  std::string corners;
  std::string dots;
  for (const LoadPoint& point : points) {
    if (const auto value = line.value(point)) {
      const double x = x_of(panel, points, point.concurrency);
      const double y = y_of(panel, *value);
      corners += fmt::format("{:.1f},{:.1f} ", x, y);
      dots += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", x, y,
          line.colour);
    }
  }
  return fmt::format(
      "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" "
      "stroke-width=\"2\"/>\n{}",
      corners, line.colour, dots);
}

// Names of the lines, in two columns below the axis.
std::string legend(const Panel& panel) {
  std::string out;
  for (size_t i = 0; i < panel.lines.size(); ++i) {
    const double x = panel.left + double(i % 2) * kPanelWidth / 2;
    const double y = kTop + kPanelHeight + 66 + double(i / 2) * 20;
    out += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"14\" height=\"4\" "
        "fill=\"{}\"/>\n",
        x, y - 6, panel.lines[i].colour);
    out += text(x + 20, y, "start", panel.lines[i].name);
  }
  return out;
}

std::string drawn(Panel panel, const std::vector<LoadPoint>& points) {
  fit(panel, points);
  std::string out = axes(panel, points) + legend(panel);
  for (const Line& line : panel.lines) {
    out += curve(panel, line, points);
  }
  return out;
}

Line wait_line(
    const char* name,
    const char* colour,
    std::optional<Spread> LoadPoint::*field,
    double Spread::*part) {
  return {name, colour, [=](const LoadPoint& point) -> std::optional<double> {
            const auto& spread = point.*field;
            return spread ? std::optional(*spread.*part) : std::nullopt;
          }};
}

Panel throughput() {
  return {
      .unit = "tokens/s",
      .lines =
          {{"output", "#1f77b4",
            [](const LoadPoint& p) { return std::optional(p.output_tok_s); }},
           {"decode", "#2ca02c",
            [](const LoadPoint& p) { return p.decode_tok_s; }}},
      .left = kLeft};
}

Panel waits() {
  const auto first = &LoadPoint::ttft_ms;
  const auto between = &LoadPoint::itl_ms;
  return {
      .unit = "ms",
      .logarithmic = true,
      .lines =
          {wait_line("first token, p50", "#1f77b4", first, &Spread::p50),
           wait_line("first token, p99", "#aec7e8", first, &Spread::p99),
           wait_line("inter-token, p50", "#d62728", between, &Spread::p50),
           wait_line("inter-token, p99", "#ff9896", between, &Spread::p99)},
      .left = kLeft + kStride};
}

} // namespace

std::string plot_of(
    const std::vector<LoadPoint>& points, const std::string& title) {
  const double width = kLeft + kStride + kPanelWidth + 40;
  const double height = kTop + kPanelHeight + 110;
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" "
             "height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
             "font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n"
             "<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n",
             width, height) +
         text(width / 2, 24, "middle", title) + drawn(throughput(), points) +
         drawn(waits(), points) + "</svg>\n";
}

} // namespace parallm::bench
