#pragma once

#include "api/context.h"
#include "config/server_config.h"
#include "delivery/delivery.h"
#include "engine/engine.h"
#include "http/server_options.h"
#include "runner/load.h"

// From what was asked for to what each room gets: asked -> resolved ->
// constant. Functions of the settings, the machine and the checkpoint; any
// thread. They throw StartError (78) for what this build cannot honour.
namespace parallm {

struct Machine {
  int cores = 1;
  int64_t memory_bytes = int64_t{16} << 30;
};
Machine this_machine();

RunnerOptions runner_options(
    const ServerConfig& config, const Machine& machine);
EngineOptions engine_options(
    const ServerConfig& config, const CheckpointSummary& checkpoint);
DeliveryLimits delivery_limits(
    const ServerConfig& config,
    const CheckpointSummary& checkpoint,
    const Machine& machine);
// Reads the key file.
http::ServerOptions server_options(
    const ServerConfig& config, const Machine& machine);
int kernel_threads(const ServerConfig& config, const Machine& machine);
int text_threads(const ServerConfig& config, const Machine& machine);
ApiLimits api_limits(
    const ServerConfig& config,
    const CheckpointSummary& checkpoint,
    const Machine& machine);
ModelCard model_card(
    const ServerConfig& config, const CheckpointSummary& checkpoint);

} // namespace parallm
