// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.data.Example;
import dev.stoa.data.ExampleSource;
import java.util.ArrayList;
import java.util.List;

/// How many samples make one optimizer step. A step never spans two epochs: the tail of an epoch is a smaller step,
/// weighted by its own tokens.
public sealed interface StepSize {
    /// As many samples as fit into `count` tokens, at least one.
    record Tokens(int count) implements StepSize {
        public Tokens {
            if (count < 2) throw new IllegalArgumentException(count + " tokens per step");
        }
    }

    /// Exactly `count` samples.
    record Samples(int count) implements StepSize {
        public Samples {
            if (count < 1) throw new IllegalArgumentException(count + " samples per step");
        }
    }

    /// The samples of the step that starts at `cursor`.
    default List<Example> window(ExampleSource source, long cursor) {
        List<Example> samples = new ArrayList<>();
        long tokens = 0;
        for (long at = cursor; ; at++) {
            if (at > cursor && source.epochSize() != ExampleSource.ENDLESS && at % source.epochSize() == 0) break;
            boolean full = switch (this) {
                case Samples limit -> samples.size() >= limit.count();
                case Tokens limit -> !samples.isEmpty() && tokens + source.at(at).length() > limit.count();
            };
            if (full) break;
            samples.add(source.at(at));
            tokens += samples.getLast().length();
        }
        return samples;
    }

    /// Optimizer steps of `epochs` passes over a finite source; walks the data once per epoch.
    default int steps(ExampleSource source, int epochs) {
        if (source.epochSize() == ExampleSource.ENDLESS) throw new IllegalArgumentException("an endless source has no epochs");
        int steps = 0;
        for (long cursor = 0; cursor < source.epochSize() * epochs; steps++) cursor += window(source, cursor).size();
        return steps;
    }
}
