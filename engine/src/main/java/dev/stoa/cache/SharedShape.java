// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

/// A layer without state of its own: it reads what the earlier layer `layer` stored.
public record SharedShape(int layer) implements StateShape {
    @Override
    public String kind() {
        return "shared";
    }
}
