#include "metrics/registry.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "base/check.h"

namespace parallm {

namespace {

std::string number(double value) {
  if (std::isinf(value)) {
    return value > 0 ? "+Inf" : "-Inf";
  }
  return std::isnan(value) ? "NaN" : fmt::format("{}", value);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || c == '"') {
        out += '\\';
      }
      out += c;
    }
  }
  return out;
}

void head(
    std::string_view name,
    std::string_view help,
    std::string_view kind,
    std::string& text) {
  fmt::format_to(
      std::back_inserter(text), "# HELP {} {}\n# TYPE {} {}\n", name, help,
      name, kind);
}

void render_histogram(
    const std::string& name, const Histogram& histogram, std::string& text) {
  auto out = std::back_inserter(text);
  const auto buckets = histogram.buckets();
  uint64_t count = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    count += buckets[i];
    const bool last = i == histogram.bounds().size();
    const double bound = last ? INFINITY : histogram.bounds()[i];
    fmt::format_to(
        out, "{}_bucket{{le=\"{}\"}} {}\n", name, number(bound), count);
  }
  fmt::format_to(out, "{}_sum {}\n", name, number(histogram.sum()));
  fmt::format_to(out, "{}_count {}\n", name, count);
}

std::string value_text(const Counter& counter) {
  return fmt::format("{}", counter.value());
}

std::string value_text(const Gauge& gauge) {
  return number(gauge.value());
}

template <class Metric>
void render_family(
    const std::string& name, const Family<Metric>& family, std::string& text) {
  family.each([&](const auto& values, const Metric& metric) {
    std::string labels;
    for (size_t i = 0; i < values.size(); ++i) {
      labels += fmt::format(
          "{}{}=\"{}\"", i == 0 ? "" : ",", family.labels()[i],
          escaped(values[i]));
    }
    text += fmt::format("{}{{{}}} {}\n", name, labels, value_text(metric));
  });
}

} // namespace

template <class Metric>
Metric& Family<Metric>::with(std::vector<std::string> values) {
  PARALLM_CHECK(
      values.size() == labels_.size(), "{} values for {} labels", values.size(),
      labels_.size());
  std::lock_guard lock(mutex_);
  return metrics_[std::move(values)];
}

template class Family<Counter>;
template class Family<Gauge>;

Counter& Registry::counter(std::string name, std::string help) {
  Entry& entry = add(std::move(name), std::move(help));
  entry.counter = std::make_unique<Counter>();
  return *entry.counter;
}

Gauge& Registry::gauge(std::string name, std::string help) {
  Entry& entry = add(std::move(name), std::move(help));
  entry.gauge = std::make_unique<Gauge>();
  return *entry.gauge;
}

Histogram& Registry::histogram(
    std::string name, std::string help, std::vector<double> bounds) {
  Entry& entry = add(std::move(name), std::move(help));
  entry.histogram = std::make_unique<Histogram>(std::move(bounds));
  return *entry.histogram;
}

Family<Counter>& Registry::counters(
    std::string name, std::string help, std::vector<std::string> labels) {
  Entry& entry = add(std::move(name), std::move(help));
  entry.counters = std::make_unique<Family<Counter>>(std::move(labels));
  return *entry.counters;
}

Family<Gauge>& Registry::gauges(
    std::string name, std::string help, std::vector<std::string> labels) {
  Entry& entry = add(std::move(name), std::move(help));
  entry.gauges = std::make_unique<Family<Gauge>>(std::move(labels));
  return *entry.gauges;
}

std::string Registry::render() const {
  std::string text;
  for (const Entry& entry : entries_) {
    render_entry(entry, text);
  }
  return text;
}

Registry::Entry& Registry::add(std::string name, std::string help) {
  Entry& entry = entries_.emplace_back();
  entry.name = prefix_ + std::move(name);
  entry.help = std::move(help);
  return entry;
}

void Registry::render_entry(const Entry& entry, std::string& text) {
  auto out = std::back_inserter(text);
  if (entry.counter) {
    head(entry.name, entry.help, "counter", text);
    fmt::format_to(out, "{} {}\n", entry.name, entry.counter->value());
  } else if (entry.gauge) {
    head(entry.name, entry.help, "gauge", text);
    fmt::format_to(out, "{} {}\n", entry.name, number(entry.gauge->value()));
  } else if (entry.histogram) {
    head(entry.name, entry.help, "histogram", text);
    render_histogram(entry.name, *entry.histogram, text);
  } else if (entry.counters) {
    head(entry.name, entry.help, "counter", text);
    render_family(entry.name, *entry.counters, text);
  } else if (entry.gauges) {
    head(entry.name, entry.help, "gauge", text);
    render_family(entry.name, *entry.gauges, text);
  }
}

} // namespace parallm
