/* handson.pocket: every loop of the library, as one translation unit. See README.md for what is exported. */

#include "base.h"
#include "cpu.h"
#include "vecmath.h"

#include "elementwise.h"
#include "reduce.h"
#include "index.h"
#include "random.h"

#define REAL f32
#define WHOLE i32
#define WIDE LANES
#define SMALL 0
#include "floats.h"
#include "run.h"

#define REAL f64
#define WHOLE i64
#define WIDE (LANES / 2)
#if defined(__wasm__) /* in a page, float64 is there for exercises that compare: fewer bytes count more than speed */
#define SMALL 1
#undef INDEPENDENT
#define INDEPENDENT
#else
#define SMALL 0
#endif
#include "floats.h"
AS_QUICK_AS_CAN_BE
