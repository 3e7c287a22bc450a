# SPDX-License-Identifier: MIT
# The command mqw, and one program per file of examples/.

if(MQW_BUILD_TOOLS AND MQW_BUILD_UV)
  file(GLOB mqw_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/mqw/*.c")
  pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
  pkg_check_modules(LIBEDIT REQUIRED IMPORTED_TARGET libedit)
  pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)
  pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
  pkg_check_modules(CRYPT REQUIRED IMPORTED_TARGET libcrypt)
  add_executable(mqw ${mqw_sources})
  target_compile_definitions(mqw PRIVATE MQW_TOOL_VERSION="${PROJECT_VERSION}")
  target_link_libraries(mqw PRIVATE mqwire-uv-static PkgConfig::JANSSON PkgConfig::LIBEDIT PkgConfig::INIH
    PkgConfig::MICROHTTPD PkgConfig::CRYPT)
  if(TARGET mqwire-sqlite-static)
    target_compile_definitions(mqw PRIVATE MQW_TOOL_SQLITE)
    target_link_libraries(mqw PRIVATE mqwire-sqlite-static)
  endif()
endif()

# Examples link the shared libraries, as a user's program does; that also shows that these are complete.
if(MQW_BUILD_EXAMPLES)
  file(GLOB example_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/*.c")
  foreach(source IN LISTS example_sources)
    cmake_path(GET source STEM name)
    mqw_library_of("${source}" "" library)
    if(library)
      add_executable(example_${name} ${source})
      set_target_properties(example_${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/examples")
      target_link_libraries(example_${name} PRIVATE ${library})
    endif()
  endforeach()
endif()
