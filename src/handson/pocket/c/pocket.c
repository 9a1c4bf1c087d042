/* handson.pocket: every loop of the library, as one translation unit. See README.md for what is exported. */

#include "base.h"
#include "cpu.h"
#include "vecmath.h"

#if __has_include("elementwise.h")
#include "elementwise.h"
#endif
#if __has_include("reduce.h")
#include "reduce.h"
#endif
#if __has_include("index.h")
#include "index.h"
#endif
#if __has_include("random.h")
#include "random.h"
#endif

#include "half.h"

#define REAL f32
#define WIDE LANES
#include "floats.h"

#define REAL f64
#define WIDE (LANES / 2)
#include "floats.h"
