#include "cli/cli.h"

// `mlx_parallm_serve FLAGS` is `parallm serve FLAGS`. The table of settings
// knows the flags of the Python project that had this name.
int main(int argc, char** argv) {
  std::vector<std::string> arguments{"serve"};
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  return parallm::run_cli(arguments);
}
