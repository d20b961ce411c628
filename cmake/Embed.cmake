# SPDX-License-Identifier: Apache-2.0
# unzap_embed(TARGET FUNCTION HEADER FILE...): compiles the texts of the files into the target, as a function
# `std::span<const EmbeddedFile> FUNCTION()` that HEADER declares. Made again when one of the files changes.
function(unzap_embed target function header)
  set(out "${CMAKE_CURRENT_BINARY_DIR}/${function}.cpp")
  add_custom_command(
    OUTPUT "${out}"
    COMMAND "${CMAKE_COMMAND}" "-DOUT=${out}" "-DFUNCTION=${function}" "-DHEADER=${header}" "-DFILES=${ARGN}" -P
            "${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake"
    DEPENDS ${ARGN} "${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake"
    VERBATIM)
  target_sources(${target} PRIVATE "${out}")
endfunction()
