# The variant of the Swift half that a kernel needs, from its configuration: which of the kernel's
# mitigations change how code is compiled. Read by the Makefile that builds everything and by the
# one of the DKMS package, which only picks.

VARIANT ?= $(subst $() ,-,$(strip base \
  $(if $(CONFIG_RETPOLINE)$(CONFIG_MITIGATION_RETPOLINE),retpoline) \
  $(if $(CONFIG_RETHUNK)$(CONFIG_MITIGATION_RETHUNK),rethunk) \
  $(if $(CONFIG_X86_KERNEL_IBT),ibt) \
  $(if $(CONFIG_FUNCTION_PADDING_BYTES),padding$(CONFIG_FUNCTION_PADDING_BYTES))))

# $(1): a word of the variant; % stands for any letters.
wanted = $(filter $(1),$(subst -, ,$(VARIANT)))
