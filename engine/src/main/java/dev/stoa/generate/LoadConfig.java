// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.cache.CacheLayout;
import dev.stoa.model.Arithmetic;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// How to load and run a model. `contextTokens` 0 means the model's own limit, `threads` 0 one per processor.
/// `maxConcurrent` requests run at once, `maxQueue` more may wait; `prefillChunk` rows is the largest step;
/// `maxStepMs` bounds how long prefill may hold up running streams; `kvBytes` bounds the caches of running requests
/// (0: what [dev.stoa.model.MemoryPlan] leaves them, and then the context is what fits), which are laid out by `cacheMode`
/// (see [CacheLayout]); `rotating` lets an answer outgrow the context. `arithmetic` is FLOAT where the model is trained on,
/// INTEGER where it answers; `prefixBytes` bounds what is kept of earlier prompts for those that begin alike, 0 for nothing.
public record LoadConfig(
        Path model, String kernels, int threads, int contextTokens, int maxConcurrent, int maxQueue, int prefillChunk,
        double maxStepMs, long kvBytes, int maxRank, String cacheMode, Arithmetic arithmetic,
        long prefixBytes) {
    public LoadConfig {
        List<String> issues = new ArrayList<>();
        check(issues, threads >= 0, "threads", threads, "0 (auto) or more");
        check(issues, contextTokens >= 0, "contextTokens", contextTokens, "0 (the model's) or more");
        check(issues, maxConcurrent >= 1 && maxConcurrent <= 4096, "maxConcurrent", maxConcurrent, "in [1, 4096]");
        check(issues, maxQueue >= 0, "maxQueue", maxQueue, "0 or more");
        check(issues, prefillChunk >= 16 && prefillChunk <= 8192, "prefillChunk", prefillChunk, "in [16, 8192]");
        check(issues, maxStepMs > 0, "maxStepMs", maxStepMs, "more than 0");
        check(issues, kvBytes >= 0, "kvBytes", kvBytes, "0 (planned) or more");
        check(issues, maxRank >= 1, "maxRank", maxRank, "1 or more");
        check(issues, prefixBytes >= 0, "prefixBytes", prefixBytes, "0 (off) or more");
        CacheLayout.checkMode(cacheMode);
        if (!issues.isEmpty()) {
            throw Fault.of(EngineFault.OUT_OF_RANGE, "%d load settings are out of range", issues.size()).issues(issues).exception();
        }
    }

    /// The defaults for a model directory or GGUF file (null for a model in memory).
    public static LoadConfig of(Path model) {
        long planned = model == null ? 2L << 30 : 0;
        return new LoadConfig(model, "auto", 0, 0, 32, 64, 256, 250, planned, 256, "auto", Arithmetic.INTEGER, 512L << 20);
    }

    public LoadConfig withKernels(String choice, int count) {
        return new LoadConfig(model, choice, count, contextTokens, maxConcurrent, maxQueue, prefillChunk, maxStepMs, kvBytes, maxRank,
                cacheMode, arithmetic, prefixBytes);
    }

    public LoadConfig withContext(int tokens) {
        return new LoadConfig(model, kernels, threads, tokens, maxConcurrent, maxQueue, prefillChunk, maxStepMs, kvBytes, maxRank,
                cacheMode, arithmetic, prefixBytes);
    }

    public LoadConfig withConcurrency(int running, int waiting) {
        return new LoadConfig(model, kernels, threads, contextTokens, running, waiting, prefillChunk, maxStepMs, kvBytes, maxRank,
                cacheMode, arithmetic, prefixBytes);
    }

    public LoadConfig withPrefill(int chunk, double stepMs) {
        return new LoadConfig(model, kernels, threads, contextTokens, maxConcurrent, maxQueue, chunk, stepMs, kvBytes, maxRank,
                cacheMode, arithmetic, prefixBytes);
    }

    public LoadConfig withKvBytes(long bytes) {
        return new LoadConfig(model, kernels, threads, contextTokens, maxConcurrent, maxQueue, prefillChunk, maxStepMs, bytes, maxRank,
                cacheMode, arithmetic, prefixBytes);
    }

    public LoadConfig withCacheMode(String mode) {
        return new LoadConfig(model, kernels, threads, contextTokens, maxConcurrent, maxQueue, prefillChunk, maxStepMs, kvBytes, maxRank,
                mode, arithmetic, prefixBytes);
    }

    public LoadConfig withArithmetic(Arithmetic choice) {
        return new LoadConfig(model, kernels, threads, contextTokens, maxConcurrent, maxQueue, prefillChunk, maxStepMs, kvBytes, maxRank,
                cacheMode, choice, prefixBytes);
    }

    public LoadConfig withPrefixBytes(long bytes) {
        return new LoadConfig(model, kernels, threads, contextTokens, maxConcurrent, maxQueue, prefillChunk, maxStepMs, kvBytes, maxRank,
                cacheMode, arithmetic, bytes);
    }

    private static void check(List<String> issues, boolean ok, String name, Object got, String expected) {
        if (!ok) issues.add(name + " = " + got + ", expected " + expected);
    }
}
