// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.CacheStack;
import dev.stoa.tensor.Tensor;
import java.util.Arrays;
import java.util.stream.IntStream;

/// The rows of one forward pass: each has a token, its position in its sequence's cache, and the adapters that act on
/// it. Reused from step to step; rows of one sequence stand together in rising positions. Not thread-safe.
public final class Batch {
    private final int layers;
    final int[] tokens;
    final int[] positions;
    final CacheStack[] states;
    final AdapterSet[] adapters;
    final int[] logitSources;
    private final int[] captureRows;
    private final int[] captureLayers;
    private final float[][] captured;
    private int rows;
    private int logitRows;
    private int captures;
    private int depth;

    /// Room for `capacity` rows, of which at most `logitCapacity` want logits, over a model of `layers` layers.
    public Batch(int layers, int capacity, int logitCapacity) {
        this.layers = layers;
        tokens = new int[capacity];
        positions = new int[capacity];
        states = new CacheStack[capacity];
        adapters = new AdapterSet[capacity];
        logitSources = new int[logitCapacity];
        captureRows = new int[capacity];
        captureLayers = new int[capacity];
        captured = new float[capacity][];
    }

    public void clear() {
        Arrays.fill(states, 0, rows, null);
        Arrays.fill(captured, 0, captures, null);
        rows = logitRows = captures = depth = 0;
    }

    /// Appends a row that runs through all layers; returns its index.
    public int add(int token, int position, CacheStack state, AdapterSet set) {
        return add(token, position, state, set, layers);
    }

    /// Appends a row that needs only the first `needed` layers; the cache of later layers is then left unwritten,
    /// so the sequence must not go on past them.
    public int add(int token, int position, CacheStack state, AdapterSet set, int needed) {
        int expected = rows > 0 && states[rows - 1] == state ? positions[rows - 1] + 1 : state.length();
        if (position != expected) throw new IllegalArgumentException("row at position " + position + ", expected " + expected);
        tokens[rows] = token;
        positions[rows] = position;
        states[rows] = state;
        adapters[rows] = set;
        depth = Math.max(depth, needed);
        return rows++;
    }

    /// Asks for the logits of a row; returns their row in [Workspace#logits].
    public int wantLogits(int row) {
        logitSources[logitRows] = row;
        return logitRows++;
    }

    /// Asks for the residual stream of a row after `layer`; returns the index for [#residual].
    public int wantResidual(int row, int layer) {
        captureRows[captures] = row;
        captureLayers[captures] = layer;
        return captures++;
    }

    /// A captured residual (hidden), valid until [#clear].
    public float[] residual(int index) {
        return captured[index];
    }

    public int rows() {
        return rows;
    }

    public int logitRows() {
        return logitRows;
    }

    int depth() {
        return depth;
    }

    int captures() {
        return captures;
    }

    int captureRow(int index) {
        return captureRows[index];
    }

    int captureLayer(int index) {
        return captureLayers[index];
    }

    /// Keeps row `row` of x (T, hidden) as the residual asked for.
    void captured(int index, Tensor x, int row) {
        captured[index] = x.slice(row, row + 1).toArray();
    }

    /// For each row the length its sequence will have.
    int[] lengths() {
        int[] lengths = new int[rows];
        for (int row = rows - 1; row >= 0; row--) {
            boolean last = row == rows - 1 || states[row + 1] != states[row];
            lengths[row] = last ? positions[row] + 1 : lengths[row + 1];
        }
        return lengths;
    }

    /// Places of the rows whose result is read after the last layer, rising.
    int[] wantedRows() {
        boolean[] wanted = new boolean[rows];
        for (int i = 0; i < logitRows; i++) wanted[logitSources[i]] = true;
        for (int i = 0; i < captures; i++) if (captureLayers[i] == depth - 1) wanted[captureRows[i]] = true;
        return IntStream.range(0, rows).filter(row -> wanted[row]).toArray();
    }

    /// Declares the rows stored: every sequence now ends after its last row.
    void commit() {
        for (int row = 0; row < rows; row++) {
            if (row == rows - 1 || states[row + 1] != states[row]) states[row].advance(positions[row] + 1);
        }
    }
}
