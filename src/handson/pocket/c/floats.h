/* What exists for float32 and float64 alike. pocket.c includes this twice, with REAL and WIDE (lanes of a vector) set. */

#define F(name) CAT(name, CAT(_, REAL))
#include "tile.h"
#include "gemm.h"
#include "conv.h"
#include "pool.h"
#include "loss.h"
#include "norm.h"
#include "layers.h"
#include "optim.h"
#undef F
#undef REAL
#undef WIDE
