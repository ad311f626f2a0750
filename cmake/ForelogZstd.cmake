# forelog::zstd: Compression by zstd (include/forelog/zstd.h). Libraries of their own, so that those who
# do not compress need no libzstd.
#
#   forelog::zstd           shared or static as BUILD_SHARED_LIBS says, on the same kind of forelog
#   forelog::zstd_shared    libforelog_zstd.so
#   forelog::zstd_static    libforelog_zstd.a
find_path(FORELOG_ZSTD_INCLUDE_DIR zstd.h DOC "Directory of zstd.h")
find_library(FORELOG_ZSTD_LIBRARY zstd DOC "libzstd")
mark_as_advanced(FORELOG_ZSTD_INCLUDE_DIR FORELOG_ZSTD_LIBRARY)
if(NOT FORELOG_ZSTD_INCLUDE_DIR OR NOT FORELOG_ZSTD_LIBRARY)
  message(FATAL_ERROR "libzstd was not found. On Debian: apt-get install libzstd-dev; or set "
                      "FORELOG_ZSTD=OFF, and do without forelog::zstd")
endif()

file(GLOB zstd_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/zstd/*.cc")
list(FILTER zstd_sources EXCLUDE REGEX "_test\\.cc$")

foreach(kind IN ITEMS static shared)
  string(TOUPPER ${kind} type)
  set(library forelog_zstd_${kind})
  add_library(${library} ${type} ${zstd_sources})
  add_library(forelog::zstd_${kind} ALIAS ${library})
  target_include_directories(${library} PRIVATE "${PROJECT_SOURCE_DIR}/src")
  target_include_directories(${library} SYSTEM PRIVATE "${FORELOG_ZSTD_INCLUDE_DIR}")
  # Installed by name: where libzstd is, the machine that links it knows best.
  target_link_libraries(${library} PUBLIC forelog_${kind}
    PRIVATE "$<BUILD_INTERFACE:${FORELOG_ZSTD_LIBRARY}>" "$<INSTALL_INTERFACE:zstd>")
  set_target_properties(${library} PROPERTIES
    OUTPUT_NAME forelog_zstd
    EXPORT_NAME zstd_${kind}
    CXX_EXTENSIONS OFF
    POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  forelog_flags(${library})
endforeach()
target_link_options(forelog_zstd_shared PRIVATE
  "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/forelog.map")
set_target_properties(forelog_zstd_shared PROPERTIES
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}
  LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/forelog.map")

if(BUILD_SHARED_LIBS)
  set(forelog_zstd_kind zstd_shared)
  set(forelog_zstd_other_kind zstd_static)
else()
  set(forelog_zstd_kind zstd_static)
  set(forelog_zstd_other_kind zstd_shared)
endif()
add_library(forelog::zstd ALIAS forelog_${forelog_zstd_kind})
if(NOT FORELOG_INSTALL)
  set_target_properties(forelog_${forelog_zstd_other_kind} PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
