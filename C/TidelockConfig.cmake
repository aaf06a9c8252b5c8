# find_package(Tidelock) defines Tidelock::tidelock, to be linked by each target that has locks of its own.
get_filename_component(_tidelock_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET Tidelock::tidelock)
  add_library(Tidelock::core SHARED IMPORTED)
  set_target_properties(Tidelock::core PROPERTIES
    IMPORTED_LOCATION "${_tidelock_prefix}/lib/libtidelock.so.1"
    IMPORTED_SONAME libtidelock.so.1)
  add_library(Tidelock::tidelock STATIC IMPORTED)
  set_target_properties(Tidelock::tidelock PROPERTIES
    IMPORTED_LOCATION "${_tidelock_prefix}/lib/libtidelock_sites.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_tidelock_prefix}/include"
    INTERFACE_LINK_LIBRARIES Tidelock::core)
endif()
unset(_tidelock_prefix)
