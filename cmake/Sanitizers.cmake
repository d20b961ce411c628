# SPDX-License-Identifier: Apache-2.0
set(UNZAP_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them (address,undefined)")
if(UNZAP_SANITIZE)
  add_compile_options(-fsanitize=${UNZAP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=${UNZAP_SANITIZE})
  # Where one looks for defects every assertion is live: assert(), which CMake's RelWithDebInfo turns off, and those of
  # the standard library. Our own, UNZAP_ASSERT, is live in every build.
  string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()
