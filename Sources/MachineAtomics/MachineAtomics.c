#include "MachineAtomics.h"
