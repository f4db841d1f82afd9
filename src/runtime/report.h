#pragma once

#include "base/report.h"
#include "runtime/resolve.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

// What settings, machine and checkpoint came to, for people. Any thread. They
// throw StartError (78) for settings that cannot be honoured.
namespace parallm {

// What the model is made of, and what of it is left out.
std::vector<ReportLine> model_report(
    const ServerConfig& config, const CheckpointSummary& checkpoint);

// What it takes of memory, and how many sequences there is room for.
std::vector<ReportLine> plan_report(
    const ServerConfig& config, const CheckpointSummary& checkpoint);

// How text gets in and out; without a template, null.
std::vector<ReportLine> text_report(
    const ServerConfig& config,
    const CheckpointSummary& checkpoint,
    const Tokenizer& tokenizer,
    const ChatTemplate* chat_template);

// The first two, and the limits of the server, as comments of TOML, for
// --print-config.
std::string resolved_text(
    const ServerConfig& config,
    const CheckpointSummary& checkpoint,
    const Machine& machine);

} // namespace parallm
