# SPDX-License-Identifier: Apache-2.0
set(UNZAP_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them (address,undefined)")
if(UNZAP_SANITIZE)
  add_compile_options(-fsanitize=${UNZAP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=${UNZAP_SANITIZE})
endif()
