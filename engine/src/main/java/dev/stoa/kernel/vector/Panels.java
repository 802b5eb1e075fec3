// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Tiles.PANEL_BYTES;
import static dev.stoa.kernel.vector.Tiles.WIDTH;

import java.lang.foreign.MemorySegment;

/// The right operand b (K, N) of a product, cut into panels of WIDTH columns, k running fastest between rows of a
/// panel: [panel][k][WIDTH]. `format` null means plain F32; other formats are decoded block by block.
///
/// `stride` is the distance of panels in bytes, `origin` the k that offset 0 stands for, `narrowTail` whether a last
/// panel of at most L columns is stored as [k][L].
record Panels(MemorySegment data, PanelFormat format, long stride, int columns, int origin, boolean narrowTail) {
    int count() {
        return (columns + WIDTH - 1) / WIDTH;
    }

    boolean decoded() {
        return format != null;
    }

    /// Whether the panel that starts at `column` is a half panel.
    boolean narrow(int column) {
        return narrowTail && columns - column <= L;
    }

    /// Byte offset of row k of panel j; F32 only.
    long at(int j, int k) {
        return j * stride + (k - origin) * (long) (narrow(j * WIDTH) ? PANEL_BYTES / 2 : PANEL_BYTES);
    }

    /// Writes rows [k, k + depth) of panel j as F32 at `offset` of `out` and answers `offset`.
    long decode(int j, int k, int depth, MemorySegment out, long offset) {
        format.decode(data, j * stride, k, depth, out, offset);
        return offset;
    }
}
