# Warnings; errors where PARALLM_WERROR says so, which dev and tsan do: a new
# compiler's opinion shall not stop who only wants to serve. Sanitizers, ccache
# and a fast linker where present.
add_compile_options(-Wall -Wextra -Wpedantic -Wno-missing-field-initializers)
if(PARALLM_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees ghosts in libstdc++ and Boost at -O2 (GCC bugs 105329, 105651).
  add_compile_options(-Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds -Wno-stringop-overread -Wno-dangling-pointer)
endif()

if(PARALLM_SANITIZE)
  add_compile_options(-fsanitize=${PARALLM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PARALLM_SANITIZE})
endif()

# Asio's fences are invisible to ThreadSanitizer, and g++ says so wherever they
# are compiled; its locks suffice.
function(parallm_accept_fences target)
  if(PARALLM_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-tsan)
  endif()
endfunction()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD AND NOT APPLE AND NOT CMAKE_CROSSCOMPILING)
  add_link_options(-fuse-ld=mold)
endif()
