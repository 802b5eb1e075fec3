// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.eval.world.WorldSize;
import java.nio.file.Path;

/// What `stoa demo` was asked to do. `home` holds the cache of trained bases; `out` everything else.
/// With `serve` the server stays up on `port` after the report is written.
public record DemoOptions(
        WorldSize size, long seed, Path out, Path home, int threads, String kernels, boolean retrain, boolean serve, int port) {}
