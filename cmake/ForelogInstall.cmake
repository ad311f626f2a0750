# Installs both kinds of library, the headers, the program, a CMake package and pkg-config files.
include(CMakePackageConfigHelpers)

install(TARGETS forelog_shared forelog_static EXPORT forelog_targets)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/forelog" TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
if(FORELOG_ZSTD)
  install(TARGETS forelog_zstd_shared forelog_zstd_static EXPORT forelog_targets)
endif()
if(FORELOG_PROGRAM)
  install(TARGETS forelog_program)
endif()

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/forelog")
install(EXPORT forelog_targets NAMESPACE forelog:: FILE forelogTargets.cmake
        DESTINATION "${package_dir}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/forelogConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/forelogConfig.cmake"
  INSTALL_DESTINATION "${package_dir}"
  NO_SET_AND_CHECK_MACRO)
# Below 1.0 a minor version may break what the one before had.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/forelogConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/forelogConfig.cmake"
              "${PROJECT_BINARY_DIR}/forelogConfigVersion.cmake"
        DESTINATION "${package_dir}")

# forelog.pc finds its prefix from its own place, so that an installed tree may be moved, and
# `cmake --install --prefix` needs no new configuration.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
  set(pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
             BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig"
             OUTPUT_VARIABLE up)
  set(pc_prefix "\${pcfiledir}/${up}")
  set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
set(pc_files forelog.pc)
if(FORELOG_ZSTD)
  list(APPEND pc_files forelog_zstd.pc)
endif()
foreach(pc IN LISTS pc_files)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/${pc}.in" "${PROJECT_BINARY_DIR}/${pc}" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${pc}" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endforeach()
