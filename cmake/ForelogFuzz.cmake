# fuzz/NAME.cc (one LLVMFuzzerTestOneInput each) becomes fuzz_NAME. The preset `fuzz` compiles the
# library with the same instrumentation (FORELOG_SANITIZE has fuzzer-no-link).
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "FORELOG_FUZZ needs clang: use `cmake --preset fuzz`")
endif()
file(GLOB fuzz_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/fuzz/*.cc")
add_custom_target(fuzzers)
foreach(source IN LISTS fuzz_sources)
  cmake_path(GET source STEM name)
  forelog_executable(fuzz_${name} "${source}")
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(fuzz_${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzzers")
  add_dependencies(fuzzers fuzz_${name})
endforeach()

if(NOT FORELOG_ZSTD)
  message(FATAL_ERROR "A fuzzer decompresses with zstd: set FORELOG_ZSTD=ON, or FORELOG_FUZZ=OFF")
endif()
target_link_libraries(fuzz_snapshot PRIVATE forelog_zstd_static)

# Of the program only the parts that read and print: it is not built here.
find_package(nlohmann_json REQUIRED)
foreach(part IN ITEMS record_splitter text units)
  target_sources(fuzz_command_line PRIVATE "${PROJECT_SOURCE_DIR}/src/cli/${part}.cc")
endforeach()
target_link_libraries(fuzz_command_line PRIVATE nlohmann_json::nlohmann_json)
