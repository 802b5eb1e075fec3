// SPDX-License-Identifier: Apache-2.0
package dev.stoa.data;

import java.util.function.LongFunction;

/// A stream of samples addressed by position: the same position always gives the same sample, so one number in a
/// checkpoint is enough to resume bit for bit. Used by one thread at a time.
public interface ExampleSource {
    long ENDLESS = Long.MAX_VALUE;

    /// The sample at `position` of the stream, from 0 on; never null. Finite sources repeat, usually reshuffled.
    Example at(long position);

    /// Samples in one pass over the data, or [#ENDLESS] when nothing repeats.
    long epochSize();

    /// Names the content (a hash of it, or the generator with its seed): a run resumes only on the same identity.
    String identity();

    /// A generator of never repeated samples.
    static ExampleSource endless(String identity, LongFunction<Example> generator) {
        return new ExampleSource() {
            @Override
            public Example at(long position) {
                return generator.apply(position);
            }

            @Override
            public long epochSize() {
                return ENDLESS;
            }

            @Override
            public String identity() {
                return identity;
            }
        };
    }
}
