/* What exists for float32 and float64 alike. pocket.c includes this twice, with REAL, the
 * integer of its size WHOLE, the lanes of a vector WIDE, and
 * SMALL (whether few bytes of code count more than speed) set. */

#define F(name) CAT(name, CAT(_, REAL))
#include "tile.h"
#include "gemm.h"
#include "conv.h"
#include "pool.h"
#include "small.h"
#include "loss.h"
#include "norm.h"
#include "layers.h"
#if SMALL
#include "optim.h"
#else
AS_QUICK_AS_CAN_BE
#include "optim.h"
AS_SMALL_AS_CAN_BE
#endif
#undef F
#undef REAL
#undef WHOLE
#undef WIDE
#undef SMALL
