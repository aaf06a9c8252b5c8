#include "CPUIdentification.h"
