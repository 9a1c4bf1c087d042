/* handson.pocket: every loop of the library, as one translation unit. See README.md for what is exported. */

#include "base.h"
#include "cpu.h"
#include "vecmath.h"

#if __has_include("elementwise.h")
COLD_BEGIN
#include "elementwise.h"
#include "reduce.h"
#include "index.h"
#include "random.h"
COLD_END
#endif
COLD_BEGIN
#include "half.h"
COLD_END

#define REAL f32
#define WHOLE i32
#define WIDE LANES
#include "floats.h"

COLD_BEGIN
#if defined(__wasm__)
#undef INDEPENDENT
#define INDEPENDENT
#endif
#define REAL f64
#define WHOLE i64
#define WIDE (LANES / 2)
#include "floats.h"
COLD_END
