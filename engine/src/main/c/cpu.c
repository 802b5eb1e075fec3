// SPDX-License-Identifier: Apache-2.0
//
// What the CPU and the operating system allow, without any instruction that may be missing; and advice on memory.
#include <stdint.h>
#ifdef __linux__
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define EXPORT __attribute__((visibility("default")))

// Bits of stoa_cpu_features; the Java side names them in the same order.
enum { AVX2 = 1, AVX_VNNI = 2, AVX512_VNNI = 4, AVX512_BF16 = 8, DOTPROD = 16, I8MM = 32, AMX_INT8 = 64, AMX_BF16 = 128 };

#if defined(__x86_64__)
#include <cpuid.h>

// State that the operating system saves: bits of XCR0.
static uint64_t saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t) high << 32 | low;
}

// Linux gives tile data (8 KB per thread) only to processes that ask; all their threads may use it then.
static int tiles_allowed(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, TILE_DATA = 18 };
    return (saved_state() >> 17 & 3) == 3 && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0;
#else
    return 0;
#endif
}

EXPORT int stoa_cpu_features(void) {
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    int osxsave = c >> 27 & 1, avx = c >> 28 & 1, fma = c >> 12 & 1, f16c = c >> 29 & 1;
    if (!osxsave || !avx || !fma || !f16c || (saved_state() & 6) != 6) return 0;
    uint32_t b7, c7, d7, a71 = 0, b71, c71, d71;
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7) || !(b7 >> 5 & 1)) return 0;
    if (a >= 1) __get_cpuid_count(7, 1, &a71, &b71, &c71, &d71);
    int features = AVX2 | (a71 >> 4 & 1 ? AVX_VNNI : 0);
    int wide = (b7 >> 16 & 1) && (b7 >> 17 & 1) && (b7 >> 30 & 1) && (b7 >> 31 & 1) && (saved_state() & 0xe6) == 0xe6;
    if (wide && (c7 >> 11 & 1)) features |= AVX512_VNNI | (a71 >> 5 & 1 ? AVX512_BF16 : 0);
    int tiles = d7 >> 24 & 1, int8 = d7 >> 25 & 1, bf16 = d7 >> 22 & 1;
    if (wide && tiles && (int8 || bf16) && tiles_allowed()) features |= (int8 ? AMX_INT8 : 0) | (bf16 ? AMX_BF16 : 0);
    return features;
}
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

EXPORT int stoa_cpu_features(void) {
    unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
    return (first >> 20 & 1 ? DOTPROD : 0) | (second >> 13 & 1 ? I8MM : 0);
}
#elif defined(__aarch64__) && defined(__APPLE__)
#include <stddef.h>
#include <sys/sysctl.h>

static int has(const char *name) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value;
}

EXPORT int stoa_cpu_features(void) {
    return (has("hw.optional.arm.FEAT_DotProd") ? DOTPROD : 0) | (has("hw.optional.arm.FEAT_I8MM") ? I8MM : 0);
}
#else
EXPORT int stoa_cpu_features(void) {
    return 0;
}
#endif

// Asks for large pages under [data, data + bytes): weights are read whole for every token, and small pages cost as many
// look-ups as there are pages. Only advice: nothing depends on it.
EXPORT void stoa_advise_large_pages(uint8_t *data, long bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t) data + page - 1) / page * page, to = ((uintptr_t) data + (uintptr_t) bytes) / page * page;
    if (from < to) madvise((void *) from, to - from, MADV_HUGEPAGE);
#else
    (void) data;
    (void) bytes;
#endif
}
