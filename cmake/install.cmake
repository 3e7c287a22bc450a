# SPDX-License-Identifier: MIT
# What `cmake --install` puts where: libraries, headers, mqw, pkg-config files, the CMake package, docs.
include(CMakePackageConfigHelpers)

set(mqw_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/mqwire")
set(mqw_pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# Relative to the file itself, so that an installed tree can be moved.
file(RELATIVE_PATH MQW_PC_PREFIX "${CMAKE_INSTALL_PREFIX}/${mqw_pkgconfig_dir}" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" MQW_PC_PREFIX "${MQW_PC_PREFIX}")

# One export set per library, so that a program which wants libmqwire only need not have libuv.
function(mqw_install name set)
  set(targets ${name}-static)
  if(TARGET ${name})
    list(APPEND targets ${name})
  endif()
  install(TARGETS ${targets} EXPORT ${set}
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT ${set} NAMESPACE mqwire:: DESTINATION "${mqw_package_dir}")
  configure_file("cmake/${name}.pc.in" "${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${mqw_pkgconfig_dir}")
endfunction()

mqw_install(mqwire mqwireTargets)
if(MQW_BUILD_UV)
  mqw_install(mqwire-uv mqwireUvTargets)
endif()
if(TARGET mqwire-sqlite-static)
  mqw_install(mqwire-sqlite mqwireSqliteTargets)
endif()
if(TARGET mqw)
  install(TARGETS mqw RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  foreach(section 1 5)
    file(GLOB mqw_pages CONFIGURE_DEPENDS docs/man/*.${section})
    install(FILES ${mqw_pages} DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}")
  endforeach()
  set(MQW_BINDIR "${CMAKE_INSTALL_FULL_BINDIR}")
  configure_file("docs/mqw-serve.service.in" "mqw-serve.service" @ONLY)
  install(FILES docs/mqw-serve.conf "${PROJECT_BINARY_DIR}/mqw-serve.service"
    DESTINATION "${CMAKE_INSTALL_DOCDIR}")
  install(FILES tools/completion/mqw.bash
    DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME mqw)
  install(FILES tools/completion/_mqw DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
endif()

install(DIRECTORY include/mqwire DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
file(GLOB mqw_docs CONFIGURE_DEPENDS LICENSE *.md docs/*.md)
install(FILES ${mqw_docs} DESTINATION "${CMAKE_INSTALL_DOCDIR}")

configure_package_config_file(cmake/mqwireConfig.cmake.in mqwireConfig.cmake
  INSTALL_DESTINATION "${mqw_package_dir}")
write_basic_package_version_file(mqwireConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/mqwireConfig.cmake" "${PROJECT_BINARY_DIR}/mqwireConfigVersion.cmake"
  DESTINATION "${mqw_package_dir}")
