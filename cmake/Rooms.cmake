# SPDX-License-Identifier: Apache-2.0
# A room is a folder of src/ with a library `unzap_<room>` and its tests next to the sources.
include(GoogleTest)

# unzap_room(NAME SOURCES ... [DEPENDS rooms and libraries ...])
function(unzap_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(unzap_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(unzap_${name} PUBLIC "${CMAKE_SOURCE_DIR}/src")
  target_link_libraries(unzap_${name} PUBLIC ${ROOM_DEPENDS} PRIVATE unzap_warnings)
endfunction()

# unzap_room_tests(NAME [OPTIMISED] SOURCES ... [DEPENDS ...]): one test program for the room, each TEST a ctest case.
# The test code itself is compiled without optimisation, which halves the time of a build from nothing, unless it is
# OPTIMISED: templates of the room do the work in it.
function(unzap_room_tests name)
  if(NOT BUILD_TESTING)
    return()
  endif()
  cmake_parse_arguments(ROOM "OPTIMISED" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name}_test ${ROOM_SOURCES})
  if(NOT ROOM_OPTIMISED AND NOT UNZAP_SANITIZE)
    target_compile_options(${name}_test PRIVATE -O0)
  endif()
  target_link_libraries(${name}_test PRIVATE unzap_${name} ${ROOM_DEPENDS} unzap_warnings GTest::gtest_main)
  target_compile_definitions(${name}_test PRIVATE UNZAP_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(${name}_test TEST_PREFIX "${name}/" PROPERTIES TIMEOUT 900)
endfunction()
