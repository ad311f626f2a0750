# forelog_bench: all of bench/, beside LevelDB and RocksDB where Debian's packages are installed
# (FORELOG_BENCH_LEVELDB and FORELOG_BENCH_ROCKSDB tell the sources).
file(GLOB bench_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/*.cc")
if(NOT bench_sources)
  return()
endif()
if(NOT FORELOG_PROGRAM)
  message(FATAL_ERROR "FORELOG_BENCH needs FORELOG_PROGRAM: both share the measuring parts of src/cli")
endif()
forelog_executable(forelog_bench ${bench_sources})
target_link_libraries(forelog_bench PRIVATE forelog_cli)

# Why not their CMake packages: RocksDB's asks for the development files of six libraries that
# a program linked to the shared library does not need.
foreach(rival IN ITEMS leveldb rocksdb)
  string(TOUPPER ${rival} RIVAL)
  find_path(${RIVAL}_INCLUDE_DIR ${rival}/db.h)
  find_library(${RIVAL}_LIBRARY ${rival})
  mark_as_advanced(${RIVAL}_INCLUDE_DIR ${RIVAL}_LIBRARY)
  if(${RIVAL}_INCLUDE_DIR AND ${RIVAL}_LIBRARY)
    target_include_directories(forelog_bench SYSTEM PRIVATE "${${RIVAL}_INCLUDE_DIR}")
    target_link_libraries(forelog_bench PRIVATE "${${RIVAL}_LIBRARY}")
    target_compile_definitions(forelog_bench PRIVATE FORELOG_BENCH_${RIVAL}=1)
  else()
    message(STATUS "forelog_bench: ${rival} was not found; it is left out of the comparison")
  endif()
endforeach()
