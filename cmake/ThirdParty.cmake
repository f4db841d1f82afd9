# Every library we did not write. Versions and licences: docs/THIRD_PARTY.md.
find_package(Threads REQUIRED)

# For another architecture the headers suffice, which serve all of them, and the
# sources of GoogleTest.
if(CMAKE_CROSSCOMPILING)
  add_library(fmt::fmt INTERFACE IMPORTED)
  target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY)
  add_library(spdlog::spdlog INTERFACE IMPORTED)
  target_compile_definitions(spdlog::spdlog INTERFACE SPDLOG_FMT_EXTERNAL)
  add_subdirectory(/usr/src/googletest ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL SYSTEM)
  return()
endif()

find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(OpenSSL REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(GTest REQUIRED)

# MLX: the published wheel, unpacked by scripts/setup. MLXTargets is included
# directly because MLXConfig of the CUDA wheel insists on nvcc.
if(PARALLM_WITH_MLX)
  set(MLX_ROOT ${CMAKE_SOURCE_DIR}/build/deps/mlx/mlx CACHE PATH "Unpacked MLX wheel")
  include(${MLX_ROOT}/share/cmake/MLX/MLXTargets.cmake)
  set_target_properties(mlx PROPERTIES SYSTEM ON)
  get_target_property(mlx_includes mlx INTERFACE_INCLUDE_DIRECTORIES)
  set_target_properties(mlx PROPERTIES INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${mlx_includes}")
  if(NOT APPLE)
    target_link_options(mlx INTERFACE -Wl,--allow-shlib-undefined)
  endif()
endif()

# The Rust bridge: one static library, built by cargo from its lock file.
find_program(CARGO cargo HINTS ${CMAKE_SOURCE_DIR}/build/deps/bin REQUIRED)
set(BRIDGE_DIR ${CMAKE_SOURCE_DIR}/bridge)
set(BRIDGE_LIB ${CMAKE_SOURCE_DIR}/build/bridge/release/libparallm_bridge.a)
file(GLOB BRIDGE_SOURCES CONFIGURE_DEPENDS ${BRIDGE_DIR}/src/*.rs)
add_custom_command(
  OUTPUT ${BRIDGE_LIB}
  COMMAND ${CARGO} build --release --locked --manifest-path ${BRIDGE_DIR}/Cargo.toml --target-dir ${CMAKE_SOURCE_DIR}/build/bridge
  DEPENDS ${BRIDGE_SOURCES} ${BRIDGE_DIR}/Cargo.toml ${BRIDGE_DIR}/Cargo.lock
  USES_TERMINAL
  COMMENT "Building the Rust bridge")
add_custom_target(bridge_build DEPENDS ${BRIDGE_LIB})
add_library(parallm_bridge INTERFACE)
add_library(parallm::bridge ALIAS parallm_bridge)
add_dependencies(parallm_bridge bridge_build)
target_include_directories(parallm_bridge INTERFACE ${BRIDGE_DIR}/include)
target_link_libraries(parallm_bridge INTERFACE ${BRIDGE_LIB} Threads::Threads ${CMAKE_DL_LIBS} m)
