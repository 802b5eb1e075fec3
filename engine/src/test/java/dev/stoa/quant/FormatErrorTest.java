// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// What our encoders write lies within the bounds, whatever the values; another row, a wrong sign or another scale does not.
class FormatErrorTest {
    private static final int COLS = 512;

    /// Rows of very different character.
    private static Map<String, float[]> rows() {
        SplittableRandom random = new SplittableRandom(11);
        Map<String, float[]> rows = new LinkedHashMap<>();
        for (int i = 0; i < 20; i++) {
            float[] gauss = new float[COLS];
            float[] heavy = new float[COLS];
            float[] positive = new float[COLS];
            float[] blocks = new float[COLS];
            for (int c = 0; c < COLS; c++) {
                double g = random.nextGaussian();
                gauss[c] = (float) (0.02 * g);
                heavy[c] = (float) (0.01 * g * g * g);
                positive[c] = (float) Math.abs(g) + 3;
                blocks[c] = (float) (g * Math.pow(10, c / 32 % 4 - 3));
            }
            rows.put("gauss " + i, gauss);
            rows.put("heavy " + i, heavy);
            rows.put("positive " + i, positive);
            rows.put("blocks " + i, blocks);
        }
        float[] outlier = new float[COLS];
        for (int c = 0; c < COLS; c++) outlier[c] = c % 97 == 5 ? -9 : 1e-3f * (c % 7);
        rows.put("outliers", outlier);
        rows.put("zero", new float[COLS]);
        return rows;
    }

    private static List<Tensor> encoded(float[] row, Scope scope) {
        List<Tensor> all = new ArrayList<>();
        for (DType type : DType.values()) {
            if (type == DType.PACKED || !Quant.supports(type) || Quant.format(type).readOnly()) continue;
            all.add(Quant.encode(row, type, scope, 1, COLS));
        }
        return all;
    }

    @Test
    void everyEncoderStaysWithin() {
        try (Scope scope = new Ledger().scope("test")) {
            rows().forEach((name, row) -> {
                for (Tensor tensor : encoded(row, scope)) {
                    assertThat(FormatError.of(tensor).firstBeyond(row, Quant.decode(tensor), 0)).as("%s as %s", name, tensor.describe()).isEqualTo(-1);
                }
                for (MlxEncoder encoder : mlx()) {
                    float[] decoded = Quant.decode(encoder.roundTrip(Tensor.of(row, 1, COLS), scope));
                    assertThat(FormatError.of(packed(encoder, row, scope)).firstBeyond(row, decoded, 0)).as("%s as %s", name, encoder).isEqualTo(-1);
                }
            });
        }
    }

    @Test
    void anotherRowIsBeyond() {
        // Kills a bound that holds for anything: row i + 1 in place of row i, a lost sign, twice the scale.
        try (Scope scope = new Ledger().scope("test")) {
            Map<String, float[]> rows = rows();
            for (int i = 0; i < 19; i++) {
                float[] row = rows.get("gauss " + i);
                float[] next = rows.get("gauss " + (i + 1));
                for (Tensor tensor : encoded(row, scope)) {
                    FormatError error = FormatError.of(tensor);
                    float[] decoded = Quant.decode(tensor);
                    assertThat(error.firstBeyond(next, decoded, 0)).as(tensor.describe()).isNotNegative();
                    float[] negated = decoded.clone();
                    float[] doubled = decoded.clone();
                    for (int c = 0; c < COLS; c++) {
                        negated[c] = -negated[c];
                        doubled[c] *= 2;
                    }
                    assertThat(error.firstBeyond(row, negated, 0)).as(tensor.describe()).isNotNegative();
                    assertThat(error.firstBeyond(row, doubled, 0)).as(tensor.describe()).isNotNegative();
                    decoded[COLS - 1] = Float.NaN;
                    assertThat(error.firstBeyond(row, decoded, 0)).as(tensor.describe()).isEqualTo(COLS - 1);
                }
                for (MlxEncoder encoder : mlx()) {
                    float[] decoded = Quant.decode(encoder.roundTrip(Tensor.of(row, 1, COLS), scope));
                    assertThat(FormatError.of(packed(encoder, row, scope)).firstBeyond(next, decoded, 0)).as("%s", encoder).isNotNegative();
                }
            }
        }
    }

    @Test
    void exactTypesHoldTheBits() {
        FormatError exact = FormatError.of(Tensor.of(new float[] {1}, 1));
        assertThat(exact.firstBeyond(new float[] {1, 0, -0f}, new float[] {1, 0, 0}, 0)).isEqualTo(-1);
        assertThat(exact.firstBeyond(new float[] {1}, new float[] {Math.nextUp(1f)}, 0)).isZero();
        assertThat(exact.firstBeyond(new float[] {1}, new float[] {Math.nextUp(1f)}, 1e-6)).isEqualTo(-1);
        assertThat(exact.firstBeyond(new float[] {Float.MIN_VALUE}, new float[] {0}, 0)).isZero();
    }

    private static List<MlxEncoder> mlx() {
        List<MlxEncoder> all = new ArrayList<>();
        for (int bits : new int[] {2, 3, 4, 5, 6, 8}) {
            all.add(new MlxEncoder("affine", bits, 32, DType.BF16));
            all.add(new MlxEncoder("affine", bits, 128, DType.F32));
        }
        all.add(new MlxEncoder("mxfp4", 4, 32, DType.U8));
        all.add(new MlxEncoder("nvfp4", 4, 16, DType.U8));
        return all;
    }

    /// A tensor of the encoder's format, for its bounds.
    private static Tensor packed(MlxEncoder encoder, float[] row, Scope scope) {
        Tensor words = scope.tensor(DType.U8, encoder.wordBytes(COLS));
        Tensor scales = scope.tensor(encoder.scaleType(), COLS / encoder.group());
        Tensor biases = scope.tensor(encoder.scaleType(), COLS / encoder.group());
        encoder.row(row, 0, COLS, words.data(), scales.data(), encoder.affine() ? biases.data() : null);
        return encoder.affine()
                ? Tensor.packed(new AffinePacking(words.data(), scales, biases, encoder.bits(), encoder.group(), COLS, 0, false, 0), 1, COLS)
                : Tensor.packed(new FloatPacking(encoder.mode(), words.data(), scales.data(), 4, encoder.group(), COLS, encoder.mode().equals("mxfp4"), 0), 1, COLS);
    }
}
