// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.head;

import java.util.List;

/// What a head may look at: a unit vector (dim) per window of the text, and its normalized words.
public record RouteInput(List<float[]> windows, List<String> words) {
    public RouteInput {
        windows = List.copyOf(windows);
        words = List.copyOf(words);
    }
}
