// SPDX-License-Identifier: MIT
/* Where the kernel runs, as far as that rules out switching. C because of macros. */
#include <linux/cc_platform.h>
#include <linux/types.h>
#include <asm/cpufeature.h>
#include "services.h"

bool tidelock_c_is_xen_pv(void)
{
	return boot_cpu_has(X86_FEATURE_XENPV);
}

bool tidelock_c_is_tdx(void)
{
	return boot_cpu_has(X86_FEATURE_TDX_GUEST);
}

/* SEV-ES and SEV-SNP. */
bool tidelock_c_is_state_encrypted(void)
{
	return cc_platform_has(CC_ATTR_GUEST_STATE_ENCRYPT);
}

/* Whether the kernel's debugger has a device, so that it may set breakpoints. */
bool tidelock_c_is_debugger_registered(void)
{
	void **operations = (void **)tidelock_c_symbol((const unsigned char *)"dbg_io_ops");

	return operations && READ_ONCE(*operations);
}
