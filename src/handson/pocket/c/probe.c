/* The processor's level alone, to be compiled in no time. */
#include "base.h"
#include "cpu.h"
