// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import java.util.Arrays;

/// Growing ids of one text.
final class IntList {
    private int[] items = new int[64];
    private int size;

    void add(int item) {
        if (size == items.length) items = Arrays.copyOf(items, size * 2);
        items[size++] = item;
    }

    void addAll(int[] more) {
        if (size + more.length > items.length) items = Arrays.copyOf(items, Math.max(size * 2, size + more.length));
        System.arraycopy(more, 0, items, size, more.length);
        size += more.length;
    }

    int[] toArray() {
        return Arrays.copyOf(items, size);
    }
}
