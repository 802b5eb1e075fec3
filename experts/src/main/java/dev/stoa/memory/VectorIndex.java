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
/// A code row is v̂ = scale * codes, with eps_v = |v - v̂|. Since q·v <= q̂·v̂ + eps_v |q| + eps_q |v̂|, a row whose
/// bound is below the current k-th score cannot enter. Not thread-safe for writing; the owner locks.
public final class VectorIndex {
    /// A row and its exact cosine.
    public record Hit(String id, double score) {}

    private static final double SLACK = 1e-6;
    private final int dim;
    private final Map<String, Integer> slots = new HashMap<>();
    private final List<String> ids = new ArrayList<>();
    private final List<Row> rows = new ArrayList<>();

    /// `length` is |v̂|.
    private record Row(float[] vector, byte[] codes, double scale, double error, double length) {}

    public VectorIndex(int dim) {
        this.dim = dim;
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
        if (slot != null) {
            rows.set(slot, encode(vector.clone()));
            return;
        }
        slots.put(id, ids.size());
        ids.add(id);
        rows.add(encode(vector.clone()));
    }

    /// Moves the last row into the hole and fixes both maps.
    public boolean remove(String id) {
        Integer slot = slots.remove(id);
        if (slot == null) return false;
        int last = ids.size() - 1;
        if (slot != last) {
            ids.set(slot, ids.get(last));
            rows.set(slot, rows.get(last));
            slots.put(ids.get(slot), slot);
        }
        ids.removeLast();
        rows.removeLast();
        return true;
    }

    /// The vector of an id, or null. Not to be changed.
    float[] vector(String id) {
        Integer slot = slots.get(id);
        return slot == null ? null : rows.get(slot).vector();
    }

    /// The k rows of highest cosine that pass the filter, best first, ties by id.
    public List<Hit> search(float[] query, int k, Predicate<String> filter) {
        check(query);
        Row q = encode(query);
        Comparator<Hit> worstFirst = Comparator.comparingDouble(Hit::score).thenComparing(Hit::id, Comparator.reverseOrder());
        PriorityQueue<Hit> best = new PriorityQueue<>(worstFirst);
        for (int slot = 0; slot < rows.size(); slot++) {
            Row row = rows.get(slot);
            if (best.size() == k) {
                double bound = dot(q.codes(), row.codes()) * q.scale() * row.scale() + row.error() + q.error() * row.length() + SLACK;
                if (bound < best.peek().score()) continue;
            }
            String id = ids.get(slot);
            if (!filter.test(id)) continue;
            Hit hit = new Hit(id, dot(query, row.vector()));
            if (best.size() < k) {
                best.add(hit);
            } else if (worstFirst.compare(hit, best.peek()) > 0) {
                best.poll();
                best.add(hit);
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

    private Row encode(float[] vector) {
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
        return new Row(vector, codes, scale, Math.sqrt(error), Math.sqrt(length));
    }

    private static int dot(byte[] a, byte[] b) {
        int sum = 0;
        for (int i = 0; i < a.length; i++) sum += a[i] * b[i];
        return sum;
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
        for (Row row : rows) if (Arrays.equals(row.vector(), vector)) return true;
        return false;
    }
}
