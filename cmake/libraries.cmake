# SPDX-License-Identifier: MIT
# libmqwire (floors 1 to 4, libc only), libmqwire-uv (streams, client, broker: libuv, OpenSSL) and
# libmqwire-sqlite (records on disk), each static and shared.

# Compiles the sources of some rooms once and makes NAME (shared) and NAME-static of them, which an
# installed package calls mqwire::EXPORT and mqwire::EXPORT-static. Linked to both is what else is given:
# behind PUBLIC what users see in the headers, behind PRIVATE what only static ones need.
function(mqw_library name export rooms)
  list(TRANSFORM rooms PREPEND "${PROJECT_SOURCE_DIR}/src/")
  list(TRANSFORM rooms APPEND "/*.c")
  file(GLOB sources CONFIGURE_DEPENDS ${rooms})

  add_library(${name}-objects OBJECT ${sources})
  target_include_directories(${name}-objects PRIVATE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
  set(needed ${ARGN})
  list(REMOVE_ITEM needed PUBLIC PRIVATE)
  target_link_libraries(${name}-objects PRIVATE ${needed})

  add_library(${name}-static STATIC $<TARGET_OBJECTS:${name}-objects>)
  set_target_properties(${name}-static PROPERTIES OUTPUT_NAME ${name} EXPORT_NAME ${export}-static)
  set(libraries ${name}-static)
  if(MQW_BUILD_SHARED)
    add_library(${name} SHARED $<TARGET_OBJECTS:${name}-objects>)
    set_target_properties(${name} PROPERTIES
      EXPORT_NAME ${export} VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
    list(APPEND libraries ${name})
  endif()

  foreach(library IN LISTS libraries)
    target_include_directories(${library} INTERFACE
      "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
    target_link_libraries(${library} ${ARGN})
    get_target_property(exported ${library} EXPORT_NAME)
    add_library(mqwire::${exported} ALIAS ${library})
  endforeach()
endfunction()

mqw_library(mqwire mqwire "base;wire;session;conn")
set_target_properties(mqwire-objects PROPERTIES C_EXTENSIONS OFF) # C11 and nothing of the system

# Links a library of ours to a lower one, static to static and shared to shared.
function(mqw_on name lower)
  target_link_libraries(${name}-static PUBLIC ${lower}-static)
  if(TARGET ${name})
    target_link_libraries(${name} PUBLIC ${lower})
  endif()
endfunction()

if(MQW_BUILD_UV)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv)
  pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET libssl>=3 libcrypto>=3)
  mqw_library(mqwire-uv uv "transport;store;client;broker" PUBLIC PkgConfig::LIBUV PRIVATE PkgConfig::OPENSSL)
  mqw_on(mqwire-uv mqwire)
  set_source_files_properties("${PROJECT_SOURCE_DIR}/src/broker/status.c" PROPERTIES
    COMPILE_DEFINITIONS MQW_BROKER_VERSION="${PROJECT_VERSION}")
endif()

if(MQW_BUILD_UV AND MQW_BUILD_SQLITE)
  pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
  mqw_library(mqwire-sqlite sqlite "store/sqlite" PUBLIC PkgConfig::LIBUV PRIVATE PkgConfig::SQLITE)
  mqw_on(mqwire-sqlite mqwire-uv)
endif()

# What a program's source names tells which library it needs (tests/live is about streams anyway): sets `out`
# to that, static with the suffix -static, or to nothing where it is not built.
function(mqw_library_of source suffix out)
  set(headers "transport|tls|websocket|store|client|sync|auth|broker")
  file(STRINGS "${source}" uv REGEX "#include [\"<](uv\\.h|(transport|store|client|broker)/|mqwire/(${headers})\\.h)")
  file(STRINGS "${source}" sqlite REGEX "mqw_store_sqlite|store/sqlite/")
  set(library mqwire)
  if(sqlite)
    set(library mqwire-sqlite)
  elseif(uv OR source MATCHES "/tests/live/")
    set(library mqwire-uv)
  endif()
  if(TARGET ${library}${suffix})
    set(${out} ${library}${suffix} PARENT_SCOPE)
  else()
    set(${out} "" PARENT_SCOPE)
  endif()
endfunction()
