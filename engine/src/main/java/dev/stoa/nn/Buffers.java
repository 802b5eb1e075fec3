// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// Scratch memory that the parts of a layer use one after another: numbered slots, each wide enough for its widest
/// user. Views are kept, so that a step allocates nothing. Not thread-safe; contents do not survive the user.
public final class Buffers {
    /// One shape a slot has been asked for, cut to each number of rows.
    private record View(int width, Tensor[] byRows) {}

    private final int maxRows;
    private final Tensor[] slots;
    private final List<List<View>> views = new ArrayList<>();

    /// `widths[s]` floats per row in slot s, for at most `maxRows` rows.
    public Buffers(int[] widths, int maxRows, Scope scope) {
        this.maxRows = maxRows;
        slots = new Tensor[widths.length];
        for (int s = 0; s < widths.length; s++) {
            slots[s] = scope.f32((long) maxRows * widths[s]);
            views.add(new ArrayList<>());
        }
    }

    /// The widths every user of the same slots needs together.
    public static int[] widest(Iterable<int[]> users) {
        int[] widest = {};
        for (int[] user : users) {
            if (user.length > widest.length) widest = java.util.Arrays.copyOf(widest, user.length);
            for (int s = 0; s < user.length; s++) widest[s] = Math.max(widest[s], user[s]);
        }
        return widest;
    }

    /// Slot `slot` as (rows, width).
    public Tensor at(int slot, int rows, int width) {
        View view = null;
        for (View candidate : views.get(slot)) if (candidate.width == width) view = candidate;
        if (view == null) {
            view = new View(width, new Tensor[maxRows + 1]);
            views.get(slot).add(view);
        }
        if (view.byRows[rows] == null) {
            long bytes = (long) rows * width * Float.BYTES;
            view.byRows[rows] = new Tensor(slots[slot].data().asSlice(0, bytes), DType.F32, rows, width);
        }
        return view.byRows[rows];
    }
}
