// libtidelock_sites.a: what each image with locks contains, and a reference to libtidelock.so. An image
// looks its core up at run time, so nothing else refers to that library, and a linker that is told to link
// only what is needed would leave it out.
#include "LockSites.c"

__asm__(
    ".pushsection .data.rel.ro.tidelock_needs,\"awR\",@progbits\n"
    ".p2align 3\n"
    "\t.quad tidelock_current\n"
    ".popsection\n");
