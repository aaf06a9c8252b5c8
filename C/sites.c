// libtidelock_sites.a: what each image with locks contains, and a reference to the library that nothing
// else makes, because an image finds its core by looking: without it a linker that is told to link only
// what is needed would leave libtidelock.so out.
#include "LockSites.c"

__asm__(
    ".pushsection .data.rel.ro.tidelock_needs,\"awR\",@progbits\n"
    ".p2align 3\n"
    "\t.quad tidelock_current\n"
    ".popsection\n");
