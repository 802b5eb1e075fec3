// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.function.Predicate;

/// Exact nearest neighbors by cosine over unit vectors: every row is looked at, as int8 codes first; only rows that
/// could still be among the best are scored in f32, so the answer equals brute force.
///
/// A code row (see [CodeRows]) is v̂ = scale * codes, with eps_v = |v - v̂|. Since q·v <= q̂·v̂ + eps_v |q| + eps_q |v̂|, a row whose
/// bound is below the current k-th score cannot enter. Not thread-safe for writing; the owner locks.
public final class VectorIndex {
    /// A row and its exact cosine.
    public record Hit(String id, double score) {}

    private static final double SLACK = 1e-6;
    private final int dim;
    private final Map<String, Integer> slots = new HashMap<>();
    private final List<String> ids = new ArrayList<>();
    private final List<float[]> vectors = new ArrayList<>();
    private final CodeRows codes;
    /// [Coded] of every row, three values each: a scan reads them in order too.
    private double[] coded = new double[3 * CodeRows.PAGE];

    /// What codes stand for: v̂ = scale * codes, `error` is |v - v̂|, `length` is |v̂|.
    private record Coded(byte[] codes, double scale, double error, double length) {}

    public VectorIndex(int dim) {
        this.dim = dim;
        this.codes = new CodeRows(dim);
    }

    public int size() {
        return ids.size();
    }

    public boolean contains(String id) {
        return slots.containsKey(id);
    }

    /// Adds a unit vector, or replaces the one of the same id.
    public void insert(String id, float[] vector) {
        check(vector);
        Integer slot = slots.get(id);
        if (slot == null) {
            slot = ids.size();
            slots.put(id, slot);
            ids.add(id);
            vectors.add(null);
        }
        vectors.set(slot, vector.clone());
        Coded row = encode(vector);
        codes.set(slot, row.codes());
        if (coded.length < 3 * ids.size()) coded = Arrays.copyOf(coded, 2 * coded.length);
        coded[3 * slot] = row.scale();
        coded[3 * slot + 1] = row.error();
        coded[3 * slot + 2] = row.length();
    }

    /// Moves the last row into the hole and fixes both maps.
    public boolean remove(String id) {
        Integer slot = slots.remove(id);
        if (slot == null) return false;
        int last = ids.size() - 1;
        if (slot != last) {
            ids.set(slot, ids.get(last));
            vectors.set(slot, vectors.get(last));
            codes.copy(last, slot);
            System.arraycopy(coded, 3 * last, coded, 3 * slot, 3);
            slots.put(ids.get(slot), slot);
        }
        ids.removeLast();
        vectors.removeLast();
        codes.clear(last);
        return true;
    }

    /// The vector of an id, or null. Not to be changed.
    float[] vector(String id) {
        Integer slot = slots.get(id);
        return slot == null ? null : vectors.get(slot);
    }

    /// The k rows of highest cosine that pass the filter, best first, ties by id.
    public List<Hit> search(float[] query, int k, Predicate<String> filter) {
        check(query);
        Coded q = encode(query);
        short[] wide = codes.widen(q.codes());
        int[] dots = new int[CodeRows.PAGE];
        Comparator<Hit> worstFirst = Comparator.comparingDouble(Hit::score).thenComparing(Hit::id, Comparator.reverseOrder());
        PriorityQueue<Hit> best = new PriorityQueue<>(worstFirst);
        double least = Double.NEGATIVE_INFINITY; // the k-th score so far
        for (int first = 0; first < ids.size(); first += CodeRows.PAGE) {
            int count = Math.min(CodeRows.PAGE, ids.size() - first);
            codes.dots(wide, first / CodeRows.PAGE, count, dots);
            for (int i = 0; i < count; i++) {
                int row = 3 * (first + i);
                double bound = dots[i] * q.scale() * coded[row] + coded[row + 1] + q.error() * coded[row + 2] + SLACK;
                if (bound < least) continue;
                String id = ids.get(first + i);
                if (!filter.test(id)) continue;
                Hit hit = new Hit(id, dot(query, vectors.get(first + i)));
                if (best.size() == k) {
                    if (worstFirst.compare(hit, best.peek()) <= 0) continue;
                    best.poll();
                }
                best.add(hit);
                if (best.size() == k) least = best.peek().score();
            }
        }
        List<Hit> hits = new ArrayList<>(best);
        hits.sort(worstFirst.reversed());
        return hits;
    }

    private void check(float[] vector) {
        if (vector.length != dim) {
            throw Fault.of(ExpertsFault.DIMENSION_MISMATCH, "the vector has another dimension than the index")
                    .got(vector.length).expected(dim).exception();
        }
        double square = dot(vector, vector);
        if (!(Math.abs(square - 1) < 1e-3)) {
            throw Fault.of(ExpertsFault.INVALID_VECTOR, "the vector is not of unit length")
                    .got("squared length " + square).expected(1).exception();
        }
    }

    private Coded encode(float[] vector) {
        float top = 0;
        for (float x : vector) top = Math.max(top, Math.abs(x));
        double scale = top / 127.0;
        byte[] codes = new byte[dim];
        double error = 0;
        double length = 0;
        for (int i = 0; i < dim; i++) {
            codes[i] = (byte) Math.round(vector[i] / scale);
            double back = codes[i] * scale;
            error += (vector[i] - back) * (vector[i] - back);
            length += back * back;
        }
        return new Coded(codes, scale, Math.sqrt(error), Math.sqrt(length));
    }

    /// Four partial sums in a fixed order.
    static double dot(float[] a, float[] b) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int i = 0;
        for (; i + 3 < a.length; i += 4) {
            s0 += (double) a[i] * b[i];
            s1 += (double) a[i + 1] * b[i + 1];
            s2 += (double) a[i + 2] * b[i + 2];
            s3 += (double) a[i + 3] * b[i + 3];
        }
        for (; i < a.length; i++) s0 += (double) a[i] * b[i];
        return s0 + s1 + s2 + s3;
    }

    /// The rows' vectors, for a scan that must find nothing.
    boolean holds(float[] vector) {
        for (float[] one : vectors) if (Arrays.equals(one, vector)) return true;
        return false;
    }
}
