#pragma once

namespace parallm {

// From now on a SIGBUS of this process says on stderr what is known of it
// before it ends the process: weights are a file's own memory
// (nn/mapped_file.h), and whoever shortens the file takes them away. At the
// start, before there are threads.
void explain_bus_errors();

} // namespace parallm
