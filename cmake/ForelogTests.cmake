# Tests, found by their place:
#   src/<layer>/*_test.cc      one executable <layer>_test per layer
#   tests/<name>/*_test.cc     one executable tests_<name> each: whole-program tests
#   tests/<name>/*.cc          the rest of it; fuse_disk.cc only where libfuse3 is found, otherwise
#                              fuse_disk_missing.cc, so that those tests say that they are skipped
#   tests/<name>/make_*.cc     what made the files that they compare with: built, never run
#   tests/support/*            helpers that all of them share (`#include "support/..."`)
#   tests/preload/*.cc         a library each, that tests start the real program with (LD_PRELOAD)
#   tests/consumer/run         installs Forelog and builds a program against it, each way there is
#   tests/docs/run             runs what README.md and the program's help show
#   examples/                  each example is run
# A test that many threads take part in has "Concurrent" in the name of its suite: the preset `tsan`
# runs those, and the target concurrent_tests is the executables that have some.
find_package(GTest REQUIRED)
find_package(rapidcheck REQUIRED)
add_custom_target(concurrent_tests)
if(NOT FORELOG_ZSTD)
  message(FATAL_ERROR "The tests compress with zstd: set FORELOG_ZSTD=ON, or FORELOG_TESTS=OFF")
endif()

set(forelog_test_timeout_seconds 300)

file(GLOB support_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/support/*.cc")
if(support_sources)
  add_library(forelog_test_support STATIC ${support_sources})
  target_link_libraries(forelog_test_support PUBLIC forelog_static GTest::gtest)
  target_include_directories(forelog_test_support PUBLIC "${PROJECT_SOURCE_DIR}/src"
                                                         "${PROJECT_SOURCE_DIR}/tests")
  set_target_properties(forelog_test_support PROPERTIES CXX_EXTENSIONS OFF)
  forelog_flags(forelog_test_support)
else()
  add_library(forelog_test_support INTERFACE)
endif()

function(forelog_test target)
  forelog_executable(${target} ${ARGN})
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  # gtest_main steps back where a test brings its own main().
  target_link_libraries(${target} PRIVATE forelog_test_support forelog_zstd_static GTest::gtest
                                          GTest::gtest_main rapidcheck)
  target_compile_definitions(${target} PRIVATE
    FORELOG_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    FORELOG_BINARY="${PROJECT_BINARY_DIR}/bin/forelog")
  if(TARGET forelog_program)
    add_dependencies(${target} forelog_program)
  endif()
  foreach(source IN LISTS ARGN)
    file(STRINGS "${source}" suites REGEX "^TEST.*Concurrent" LIMIT_COUNT 1)
    if(suites)
      add_dependencies(concurrent_tests ${target})
    endif()
  endforeach()
  gtest_discover_tests(${target}
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${forelog_test_timeout_seconds})
endfunction()

include(GoogleTest)
foreach(layer IN LISTS forelog_layers ITEMS zstd cli)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${layer}/*_test.cc")
  if(layer STREQUAL "cli" AND NOT FORELOG_PROGRAM)
    set(sources)
  endif()
  if(sources)
    forelog_test(${layer}_test ${sources})
  endif()
endforeach()
if(TARGET cli_test)
  target_link_libraries(cli_test PRIVATE forelog_cli)
endif()

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(FUSE3 QUIET IMPORTED_TARGET fuse3>=3.5)
endif()
if(FUSE3_FOUND)
  set(without_fuse fuse_disk_missing.cc)
else()
  message(NOTICE "libfuse3 was not found: tests of real power cuts will be skipped. "
                 "On Debian: apt-get install libfuse3-dev")
  set(without_fuse fuse_disk.cc)
endif()

file(GLOB test_dirs CONFIGURE_DEPENDS LIST_DIRECTORIES true "${PROJECT_SOURCE_DIR}/tests/*")
foreach(dir IN LISTS test_dirs)
  cmake_path(GET dir FILENAME name)
  file(GLOB makers CONFIGURE_DEPENDS "${dir}/make_*.cc")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${dir}/*_test.cc")
  if(sources AND FORELOG_PROGRAM)
    file(GLOB helpers CONFIGURE_DEPENDS "${dir}/*.cc")
    list(REMOVE_ITEM helpers ${sources} ${makers} "${dir}/${without_fuse}")
    forelog_test(tests_${name} ${sources} ${helpers})
  endif()
  foreach(source IN LISTS makers)
    cmake_path(GET source STEM maker)
    forelog_executable(${maker} "${source}")
    target_include_directories(${maker} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    target_link_libraries(${maker} PRIVATE forelog_zstd_static)
  endforeach()
endforeach()

if(TARGET tests_cli)
  target_link_libraries(tests_cli PRIVATE forelog_zstd_static)
  file(GLOB preloads CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/preload/*.cc")
  foreach(source IN LISTS preloads)
    cmake_path(GET source STEM preload)
    # Not instrumented: it is there before the sanitizers are.
    add_library(${preload} MODULE "${source}")
    target_compile_options(${preload} PRIVATE -Wall -Wextra)
    set_target_properties(${preload} PROPERTIES CXX_VISIBILITY_PRESET default PREFIX ""
      LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib/preload")
    add_dependencies(tests_cli ${preload})
  endforeach()
  target_compile_definitions(tests_cli PRIVATE
    FORELOG_PRELOADS="${PROJECT_BINARY_DIR}/lib/preload")
endif()
if(TARGET tests_crash AND FUSE3_FOUND)
  target_link_libraries(tests_crash PRIVATE PkgConfig::FUSE3)
endif()

foreach(example IN LISTS forelog_examples)
  add_test(NAME example.${example}
    COMMAND "${CMAKE_COMMAND}" "-DEXAMPLE=$<TARGET_FILE:example_${example}>"
            "-DSOURCE=${PROJECT_SOURCE_DIR}/examples/${example}.cc"
            "-DDIR=${PROJECT_BINARY_DIR}/run/${example}" -P "${PROJECT_SOURCE_DIR}/cmake/RunExample.cmake")
  set_tests_properties(example.${example} PROPERTIES TIMEOUT ${forelog_test_timeout_seconds})
endforeach()

foreach(tool IN ITEMS check-layers install-packages bench-report)
  add_test(NAME tools.${tool} COMMAND "${PROJECT_SOURCE_DIR}/tools/${tool}" --self-test)
endforeach()
add_test(NAME docs.links COMMAND "${PROJECT_SOURCE_DIR}/tools/check-links")
add_test(NAME docs.performance COMMAND "${PROJECT_SOURCE_DIR}/tools/bench-report" --check)
add_test(NAME docs.testing COMMAND "${PROJECT_SOURCE_DIR}/tools/check-testing-doc")
if(FORELOG_PROGRAM)
  foreach(case IN ITEMS readme help)
    add_test(NAME docs.${case}
      COMMAND "${PROJECT_SOURCE_DIR}/tests/docs/run" "${PROJECT_BINARY_DIR}" ${case})
    set_tests_properties(docs.${case} PROPERTIES TIMEOUT ${forelog_test_timeout_seconds})
  endforeach()
endif()
add_test(NAME layers COMMAND "${PROJECT_SOURCE_DIR}/tools/check-layers")

# Consumers compile with their own flags, so a sanitized or instrumented library is none of theirs.
if(FORELOG_INSTALL AND NOT FORELOG_SANITIZE AND NOT FORELOG_COVERAGE)
  set(consumer "${PROJECT_SOURCE_DIR}/tests/consumer/run" "${PROJECT_BINARY_DIR}"
               "${CMAKE_CXX_COMPILER}")
  add_test(NAME consumer.install COMMAND ${consumer} install)
  set_tests_properties(consumer.install PROPERTIES FIXTURES_SETUP forelog_installed)
  foreach(case IN ITEMS find_package find_package_static pkg_config pkg_config_static
                        readme exported_symbols dependencies headers zstd zstd_static
                        zstd_pkg_config)
    add_test(NAME consumer.${case} COMMAND ${consumer} ${case})
    set_tests_properties(consumer.${case} PROPERTIES FIXTURES_REQUIRED forelog_installed)
  endforeach()
  add_test(NAME consumer.add_subdirectory COMMAND ${consumer} add_subdirectory)
  set_tests_properties(consumer.add_subdirectory PROPERTIES
    TIMEOUT ${forelog_test_timeout_seconds} PROCESSORS 2)
endif()
