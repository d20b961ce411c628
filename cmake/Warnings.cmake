# SPDX-License-Identifier: Apache-2.0
# Warnings are errors: both compilers must be silent.
add_library(unzap_warnings INTERFACE)
target_compile_options(unzap_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Werror
  -Wno-missing-field-initializers)  # a designated initialiser that leaves fields at their default is meant
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns falsely on `"literal" + std::string` (GCC bug 105651).
  target_compile_options(unzap_warnings INTERFACE -Wno-restrict)
endif()
