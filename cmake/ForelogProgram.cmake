# The program `forelog`: src/cli/main.cc, and the rest of src/cli as a library that its tests share.
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)

file(GLOB_RECURSE cli_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/cli/*.cc")
list(FILTER cli_sources EXCLUDE REGEX "_test\\.cc$")
set(cli_main "${PROJECT_SOURCE_DIR}/src/cli/main.cc")
list(REMOVE_ITEM cli_sources "${cli_main}")

add_library(forelog_cli STATIC ${cli_sources})
target_include_directories(forelog_cli PUBLIC "${PROJECT_SOURCE_DIR}/src")
if(NOT FORELOG_ZSTD)
  message(FATAL_ERROR "The program compresses with zstd: set FORELOG_ZSTD=ON, or FORELOG_PROGRAM=OFF")
endif()
target_link_libraries(forelog_cli PUBLIC forelog_static forelog_zstd_static CLI11::CLI11 nlohmann_json::nlohmann_json)
set_target_properties(forelog_cli PROPERTIES CXX_EXTENSIONS OFF LINKER_LANGUAGE CXX)
forelog_flags(forelog_cli)

forelog_executable(forelog_program "${cli_main}")
target_link_libraries(forelog_program PRIVATE forelog_cli)
set_target_properties(forelog_program PROPERTIES OUTPUT_NAME forelog)
