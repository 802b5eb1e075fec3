// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class VectorIndexTest {
    private final SplittableRandom random = new SplittableRandom(8);

    /// Random, clustered and duplicated rows, after random removals and replacements: the same ids in the same order.
    @Test
    void equalsBruteForce() {
        int codesWouldDiffer = 0;
        for (int round = 0; round < 48; round++) {
            int dim = new int[] {8, 64, 96, 768}[round % 4];
            VectorIndex index = new VectorIndex(dim);
            Map<String, float[]> rows = new LinkedHashMap<>();
            float[][] centers = new float[5][];
            for (int c = 0; c < centers.length; c++) centers[c] = unit(dim, null, 1);
            int n = 1 + random.nextInt(300);
            for (int i = 0; i < n; i++) {
                float[] row = switch (round % 3) {
                    case 0 -> unit(dim, null, 1);
                    case 1 -> unit(dim, centers[random.nextInt(5)], 1e-3);
                    default -> i > 0 && random.nextBoolean() ? rows.values().iterator().next() : unit(dim, null, 1);
                };
                rows.put("id" + random.nextInt(400), row);
            }
            rows.forEach(index::insert);
            for (String id : List.copyOf(rows.keySet())) {
                if (random.nextInt(3) > 0) continue;
                assertThat(index.remove(id)).isTrue();
                rows.remove(id);
            }
            assertThat(index.remove("absent")).isFalse();
            assertThat(index.size()).isEqualTo(rows.size());
            for (int q = 0; q < 5; q++) {
                float[] query = q == 0 && !rows.isEmpty() ? rows.values().iterator().next() : unit(dim, centers[q], 0.01);
                int k = 1 + random.nextInt(12);
                List<String> expected = brute(rows, query, k);
                assertThat(index.search(query, k, id -> true).stream().map(VectorIndex.Hit::id).toList()).isEqualTo(expected);
                if (!expected.equals(byCodes(rows, query, k))) codesWouldDiffer++;
                assertThat(index.search(query, k, id -> id.endsWith("1")).stream().map(VectorIndex.Hit::id).toList())
                        .isEqualTo(brute(filtered(rows), query, k));
            }
        }
        assertThat(codesWouldDiffer).as("ranking by codes alone, without their error, is wrong on these sets").isGreaterThan(20);
    }

    private static Map<String, float[]> filtered(Map<String, float[]> rows) {
        Map<String, float[]> some = new LinkedHashMap<>(rows);
        some.keySet().removeIf(id -> !id.endsWith("1"));
        return some;
    }

    private static List<String> brute(Map<String, float[]> rows, float[] query, int k) {
        return rows.entrySet().stream()
                .sorted(Comparator.comparingDouble((Map.Entry<String, float[]> row) -> -VectorIndex.dot(query, row.getValue()))
                        .thenComparing(Map.Entry::getKey))
                .limit(k).map(Map.Entry::getKey).toList();
    }

    /// The mutant: int8 scores taken for the truth.
    private static List<String> byCodes(Map<String, float[]> rows, float[] query, int k) {
        return rows.entrySet().stream()
                .sorted(Comparator.comparingDouble((Map.Entry<String, float[]> row) -> -coded(query, row.getValue()))
                        .thenComparing(Map.Entry::getKey))
                .limit(k).map(Map.Entry::getKey).toList();
    }

    private static double coded(float[] a, float[] b) {
        double[] scale = new double[2];
        float[][] both = {a, b};
        for (int v = 0; v < 2; v++) {
            for (float x : both[v]) scale[v] = Math.max(scale[v], Math.abs(x) / 127.0);
        }
        long sum = 0;
        for (int i = 0; i < a.length; i++) sum += Math.round(a[i] / scale[0]) * Math.round(b[i] / scale[1]);
        return sum * scale[0] * scale[1];
    }

    @Test
    void refusesWhatIsNotAUnitVector() {
        VectorIndex index = new VectorIndex(3);
        List<Runnable> bad = new ArrayList<>();
        bad.add(() -> index.insert("a", new float[3]));
        bad.add(() -> index.insert("a", new float[] {Float.NaN, 0, 1}));
        bad.add(() -> index.insert("a", new float[] {Float.POSITIVE_INFINITY, 0, 1}));
        for (Runnable call : bad) assertThatThrownBy(call::run).isInstanceOf(FaultException.class).hasMessageContaining("invalid_vector");
        assertThatThrownBy(() -> index.search(new float[2], 1, id -> true)).isInstanceOf(FaultException.class)
                .hasMessageContaining("dimension_mismatch");
        assertThat(index.search(new float[] {1, 0, 0}, 3, id -> true)).isEmpty();
    }

    @Test
    void replacingAnIdKeepsOneRow() {
        VectorIndex index = new VectorIndex(2);
        index.insert("a", new float[] {1, 0});
        index.insert("a", new float[] {0, 1});
        assertThat(index.size()).isEqualTo(1);
        assertThat(index.search(new float[] {0, 1}, 2, id -> true)).containsExactly(new VectorIndex.Hit("a", 1));
    }

    private float[] unit(int dim, float[] center, double spread) {
        float[] v = new float[dim];
        double square = 0;
        for (int i = 0; i < dim; i++) {
            v[i] = (float) ((center == null ? 0 : center[i]) + spread * random.nextGaussian());
            square += v[i] * v[i];
        }
        for (int i = 0; i < dim; i++) v[i] /= (float) Math.sqrt(square);
        return v;
    }
}
