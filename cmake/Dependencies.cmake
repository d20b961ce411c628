# SPDX-License-Identifier: Apache-2.0
# Every outside library, with the lowest version that works; all are Debian 12 packages (packages.txt).
find_package(Threads REQUIRED)
find_package(CLI11 2.1 REQUIRED)
# Debian has fmt as a shared library and as headers, and no archive; unzap_static needs one, so it is made here.
find_path(FMT_INCLUDE_DIR fmt/format-inl.h REQUIRED)
add_library(unzap_fmt STATIC "${CMAKE_SOURCE_DIR}/cmake/fmt.cpp")
target_compile_definitions(unzap_fmt INTERFACE FMT_SHARED)  # as Debian's own target has it
add_library(fmt::fmt ALIAS unzap_fmt)
find_package(nlohmann_json 3.11 REQUIRED)
# tomlplusplus as a header, without exceptions; its shared library is built with them.
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)
add_library(unzap_toml INTERFACE)
target_include_directories(unzap_toml SYSTEM INTERFACE "${TOMLPLUSPLUS_INCLUDE_DIR}")
target_compile_definitions(unzap_toml INTERFACE TOML_HEADER_ONLY=1 TOML_EXCEPTIONS=0)
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
add_library(unzap_xxhash INTERFACE)
target_include_directories(unzap_xxhash SYSTEM INTERFACE "${XXHASH_INCLUDE_DIR}")
target_compile_definitions(unzap_xxhash INTERFACE XXH_INLINE_ALL)
# Debian's package of zstd has a pkg-config file and no CMake one.
find_path(ZSTD_INCLUDE_DIR zstd.h REQUIRED)
find_library(ZSTD_LIBRARY zstd REQUIRED)
add_library(unzap_zstd INTERFACE)
target_include_directories(unzap_zstd SYSTEM INTERFACE "${ZSTD_INCLUDE_DIR}")
target_link_libraries(unzap_zstd INTERFACE zstd)  # by name, so that unzap_static takes the archive
# To read a kernel image: its packings, and its machine code. Debian has them without CMake packages, all of them also
# as static libraries.
function(unzap_find_library target)
  cmake_parse_arguments(FIND "" "HEADER" "NAMES" ${ARGN})
  add_library(${target} INTERFACE)
  string(MAKE_C_IDENTIFIER "${FIND_HEADER}" id)
  find_path(${id}_INCLUDE_DIR ${FIND_HEADER} REQUIRED)
  target_include_directories(${target} SYSTEM INTERFACE "${${id}_INCLUDE_DIR}")
  foreach(name IN LISTS FIND_NAMES)
    find_library(${name}_LIBRARY ${name} REQUIRED)
    target_link_libraries(${target} INTERFACE ${name})
  endforeach()
endfunction()
unzap_find_library(unzap_capstone HEADER capstone/capstone.h NAMES capstone)
unzap_find_library(unzap_zlib HEADER zlib.h NAMES z)
unzap_find_library(unzap_lzma HEADER lzma.h NAMES lzma)
unzap_find_library(unzap_lz4 HEADER lz4.h NAMES lz4)
unzap_find_library(unzap_lzo HEADER lzo/lzo1x.h NAMES lzo2)
add_library(unzap_decompressors INTERFACE)
target_link_libraries(unzap_decompressors INTERFACE unzap_zlib unzap_lzma unzap_lz4 unzap_lzo unzap_zstd)
if(BUILD_TESTING)
  find_package(GTest 1.12 REQUIRED)
endif()
