# SPDX-License-Identifier: Apache-2.0
# Every outside library, with the lowest version that works; all are Debian 12 packages (packages.txt).
find_package(Threads REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(fmt 9 REQUIRED)
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
target_link_libraries(unzap_zstd INTERFACE "${ZSTD_LIBRARY}")
if(BUILD_TESTING)
  find_package(GTest 1.12 REQUIRED)
endif()
