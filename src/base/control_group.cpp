#include "base/control_group.h"

#include <fstream>

namespace parallm {
namespace {

namespace fs = std::filesystem;

// Whether "cpu,memory" names the controller.
bool names(const std::string& list, const std::string& controller) {
  return ("," + list + ",").find("," + controller + ",") != std::string::npos;
}

// The process's own group, relative to the folder of all groups. A line reads
// "4:memory:/a/b"; version 2 has "0::/a/b".
fs::path own_group(const fs::path& root, const std::string& controller) {
  std::ifstream file(root / "proc/self/cgroup");
  std::string id, controllers, group;
  while (std::getline(file, id, ':') && std::getline(file, controllers, ':') &&
         std::getline(file, group)) {
    if (controller.empty() ? controllers.empty()
                           : names(controllers, controller)) {
      return fs::path(group).lexically_normal().relative_path();
    }
  }
  return {};
}

} // namespace

// In a container the group's path may be that of the host and lead nowhere;
// the folder of all groups is then its own.
std::vector<fs::path> control_groups(
    const fs::path& root,
    const std::string& folder,
    const std::string& controller) {
  const fs::path all = root / folder;
  std::vector<fs::path> folders;
  fs::path group = own_group(root, controller);
  for (; !group.empty(); group = group.parent_path()) {
    folders.push_back(all / group);
  }
  folders.push_back(all);
  return folders;
}

} // namespace parallm
