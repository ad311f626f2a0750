# What the project asks of its own compilers: warnings, sanitizers, coverage, hardening.
# forelog_flags(<target>) applies it, privately, and only when Forelog is the top-level project:
# a consumer's compiler may be newer and warn of more, and its flags are the consumer's to choose.

option(FORELOG_WERROR "Warnings are errors (the presets turn it on)" OFF)
set(FORELOG_SANITIZE "" CACHE STRING "Argument of -fsanitize=, e.g. address,undefined or thread")
option(FORELOG_COVERAGE "Measure coverage (gcc only)" OFF)

# Supported by g++ 12 and clang 14 alike.
set(forelog_warnings
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wcast-qual -Wformat=2 -Wimplicit-fallthrough -Wundef)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND forelog_warnings -Wthread-safety)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND forelog_warnings -Wlogical-op -Wduplicated-cond)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # Why: g++ 12 sees an overlap in every `"literal" + std::string` at -O2 (GCC bug 105651).
    list(APPEND forelog_warnings -Wno-restrict)
  endif()
endif()
if(FORELOG_WERROR)
  list(APPEND forelog_warnings -Werror)
endif()

set(forelog_compile_options ${forelog_warnings})
set(forelog_link_options LINKER:-z,relro,-z,now LINKER:-z,defs)
set(forelog_definitions $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)

if(FORELOG_SANITIZE)
  list(APPEND forelog_compile_options -fsanitize=${FORELOG_SANITIZE} -fno-sanitize-recover=all
       -fno-omit-frame-pointer)
  # The sanitizers' run-time library is in the program only: -z defs cannot hold for a .so.
  set(forelog_link_options -fsanitize=${FORELOG_SANITIZE})
else()
  # Hardening that costs nothing measurable: checks in libc's own calls and beside arrays on the stack.
  list(APPEND forelog_compile_options -fstack-protector-strong)
  list(APPEND forelog_compile_options $<$<CONFIG:Release>:-U_FORTIFY_SOURCE>)
  list(APPEND forelog_definitions $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
endif()
if(FORELOG_COVERAGE)
  # -fprofile-update=atomic: counters of code that many threads run would be wrong, even negative.
  list(APPEND forelog_compile_options --coverage -fprofile-update=atomic)
  list(APPEND forelog_link_options --coverage)
endif()

if(PROJECT_IS_TOP_LEVEL)
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES CXX)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()

function(forelog_flags target)
  if(NOT PROJECT_IS_TOP_LEVEL)
    return()
  endif()
  target_compile_options(${target} PRIVATE ${forelog_compile_options})
  target_compile_definitions(${target} PRIVATE ${forelog_definitions})
  target_link_options(${target} PRIVATE ${forelog_link_options})
endfunction()

# forelog_executable(<target> <source>...): one of our own programs. It links the static library, so
# that it may see the inside of the library, and runs wherever it is copied.
function(forelog_executable target)
  add_executable(${target} ${ARGN})
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(${target} PRIVATE forelog_static)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  forelog_flags(${target})
endfunction()
