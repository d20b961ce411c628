# SPDX-License-Identifier: Apache-2.0
# Run by unzap_embed: writes OUT, a C++ source with the texts of FILES.
set(text "// Made by cmake/embed_files.cmake.\n#include \"${HEADER}\"\n\nnamespace unzap {\nnamespace {\n\n")
string(APPEND text "constexpr EmbeddedFile k_files[] = {\n")
foreach(file IN LISTS FILES)
  file(READ "${file}" content)
  get_filename_component(name "${file}" NAME_WE)
  string(APPEND text "    {\"${name}\", R\"~~~~(${content})~~~~\"},\n")
endforeach()
string(APPEND text "};\n\n}  // namespace\n\n")
string(APPEND text "std::span<const EmbeddedFile> ${FUNCTION}() { return k_files; }\n\n}  // namespace unzap\n")
file(WRITE "${OUT}" "${text}")
