#pragma once

#include <string>
#include <vector>

// Main thread, at the start.
namespace parallm {

// One subcommand of `parallm`; a new one is a file and a line in the table.
struct Subcommand {
  const char* name;
  const char* purpose;
  // What follows the name -> exit code. May throw StartError.
  int (*run)(const std::vector<std::string>& arguments);
};

// Dispatches, prints what went wrong in one line, and gives the exit code.
int run_cli(const std::vector<std::string>& arguments);

int run_serve(const std::vector<std::string>& arguments);
int run_config(const std::vector<std::string>& arguments);
int run_inspect(const std::vector<std::string>& arguments);
int run_doctor(const std::vector<std::string>& arguments);
int run_tokenize(const std::vector<std::string>& arguments);
int run_bench(const std::vector<std::string>& arguments);

} // namespace parallm
