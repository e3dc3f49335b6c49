/* CPU level of this processor and this system: 1 is the baseline, 3 has AVX2 and FMA, 4 has AVX-512
 * (x86-64-v3 and x86-64-v4). Not __builtin_cpu_supports: its library part is absent or wrong with some toolchains. */
#ifndef SKLSTM_CPU_H
#define SKLSTM_CPU_H

#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
static inline uint64_t xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
static inline int cpuid_leaf(unsigned leaf, unsigned *r)
{
    return __get_cpuid_count(leaf, 0, r, r + 1, r + 2, r + 3);
}
#define HAS_CPUID
#elif defined(_M_X64)
#include <intrin.h>
static inline uint64_t xcr0(void) { return _xgetbv(0); }
static inline int cpuid_leaf(unsigned leaf, unsigned *r)
{
    __cpuidex((int *)r, (int)leaf, 0);
    return 1;
}
#define HAS_CPUID
#endif

static inline int cpu_level(void)
{
#ifdef HAS_CPUID
    enum { FMA = 1u << 12, MOVBE = 1u << 22, OSXSAVE = 1u << 27, F16C = 1u << 29 };      /* leaf 1, ecx */
    enum { BMI1 = 1u << 3, AVX2 = 1u << 5, BMI2 = 1u << 8 };                             /* leaf 7, ebx */
    const unsigned v2 = 1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23;   /* SSE3 to POPCNT */
    const unsigned v3 = FMA | MOVBE | OSXSAVE | F16C | v2;
    const unsigned v4 = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31; /* AVX-512 F DQ CD BW VL */
    unsigned r[4];
    uint64_t saved;
    if (!cpuid_leaf(1, r) || (r[2] & v3) != v3)
        return 1;
    saved = xcr0();
    if ((saved & 0x06) != 0x06 || !cpuid_leaf(7, r) || (r[1] & (BMI1 | AVX2 | BMI2)) != (BMI1 | AVX2 | BMI2))
        return 1;
    if ((saved & 0xe6) != 0xe6 || (r[1] & v4) != v4)
        return 3;
    return 4;
#else
    return 1;
#endif
}

#endif
