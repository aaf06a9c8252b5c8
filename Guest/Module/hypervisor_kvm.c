// SPDX-License-Identifier: MIT
/* What KVM says about itself: kicks, steal time, whether CPUs are dedicated. C because of macros. */
#include <linux/kvm_para.h>
#include <asm/cpufeature.h>
#include <asm/hypervisor.h>
#include "glue.h"
#include "services.h"

/* Read every time: a migration may have changed it, and the kernel keeps what it read at boot. */
static bool kvm_offers(unsigned int feature)
{
	u32 leaf = hypervisor_cpuid_base(KVM_SIGNATURE, 0);

	return leaf && cpuid_eax(leaf | KVM_CPUID_FEATURES) & BIT(feature);
}

/* Whether the hypervisor wakes a halted CPU on request, with interrupts off too. */
bool tidelock_c_kvm_kicks(void)
{
	return kvm_offers(KVM_FEATURE_PV_UNHALT);
}

bool tidelock_c_kvm_steal_time(void)
{
	return kvm_offers(KVM_FEATURE_STEAL_TIME);
}

/* Whether each virtual CPU has a dedicated CPU of the host. */
bool tidelock_c_kvm_dedicates(void)
{
	u32 leaf = hypervisor_cpuid_base(KVM_SIGNATURE, 0);

	return leaf && cpuid_edx(leaf | KVM_CPUID_FEATURES) & BIT(KVM_HINTS_REALTIME);
}

/* What KVM says about dedicated CPUs: 0 if there is no KVM, 1 no, 2 yes. */
int tidelock_c_kvm_hint(void)
{
	if (!hypervisor_cpuid_base(KVM_SIGNATURE, 0))
		return 0;
	return tidelock_c_kvm_dedicates() ? 2 : 1;
}
