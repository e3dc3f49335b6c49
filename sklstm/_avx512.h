/* What is written for AVX-512 itself, not left to the compiler. Part of _simd.h's body, once for each type. */
#define SKLSTM_V4 __attribute__((target("arch=x86-64-v4")))
#define SKLSTM_V4_INLINE SKLSTM_INLINE SKLSTM_V4
#define VEC SKLSTM_VEC
#define IVEC __m512i
#define REAL SKLSTM_REAL
#define L SKLSTM_LANES
#define OP SKLSTM_OP
#define LOAD(p) OP(_mm512_loadu)(p)
#define STORE(p, x) OP(_mm512_storeu)(p, x)
#define ALL(x) OP(_mm512_set1)(x)
#define KEEP(mask, x) OP(_mm512_maskz_mov)(mask, x)

#include "_gemm.h"
#include "_small.h"
#include "_wide.h"

#undef SKLSTM_V4
#undef SKLSTM_V4_INLINE
#undef VEC
#undef IVEC
#undef REAL
#undef L
#undef OP
#undef LOAD
#undef STORE
#undef ALL
#undef KEEP
