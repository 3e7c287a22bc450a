# SPDX-License-Identifier: MIT
# Language, warnings, sanitizers and coverage: what every target of this build is compiled with.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")

# Without -fno-semantic-interposition gcc must not inline a public function into its neighbours.
add_compile_options(-Wall -Wextra -Wconversion -Wshadow -fno-semantic-interposition)
if(MQW_WERROR)
  add_compile_options(-Werror)
endif()

if(MQW_SANITIZE)
  add_compile_options(-fsanitize=${MQW_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MQW_SANITIZE})
elseif(NOT CMAKE_CROSSCOMPILING)
  # Sanitizers leave their symbols to the program; every other shared library must be complete.
  set(CMAKE_SHARED_LINKER_FLAGS "${CMAKE_SHARED_LINKER_FLAGS} -Wl,--no-undefined")
endif()

if(MQW_COVERAGE)
  add_compile_options(-O0 --coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()
