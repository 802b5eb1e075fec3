// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.kernel.FrozenLinear;
import dev.stoa.kernel.FrozenLinear.Precision;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.SegmentAttention;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.RopeSpec;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Every operation on the tape: its double twin against central differences (1e-6), the twin's planted mistakes caught by
/// the same check, and the F32 operation against the twin (1e-4 of the largest value), with both kernel providers.
class OperationsTest {
    private static final double TWIN = 1e-6, MUTANT = 1e-3, SINGLE = 1e-4;
    private final Scope scope = new Ledger().scope("test");
    private final List<Kernels> providers = List.of(KernelProvider.open("scalar", 1), KernelProvider.open("auto", 1));
    private final Random random = new Random(42);

    @AfterEach
    void close() {
        providers.forEach(Kernels::close);
        scope.close();
    }

    private interface Build {
        /// Applies the operation to the values; parameters are read from `inputs` by the test itself.
        Value apply(Tape tape, Value[] values, Parameter[] parameters);
    }

    /// `parameter[i]` tells whether input i is a parameter of the operation instead of a value on the tape.
    private void check(Twin twin, Twin mutant, double[][] in, boolean[] parameter, Build build) {
        check(twin, mutant, in, parameter, Compute::plain, SINGLE, build);
    }

    private void check(Twin twin, Twin mutant, double[][] in, boolean[] parameter, Function<Kernels, Compute> compute, double tolerance, Build build) {
        double[] y = twin.forward(in), g = numbers(y.length);
        assertThat(Twin.differenceError(twin, in, g)).as("twin %s", twin).isLessThan(TWIN);
        if (mutant != null) assertThat(Twin.differenceError(mutant, in, g)).as("mutant %s", mutant).isGreaterThan(MUTANT);
        double[][] expected = twin.backward(in, g);
        for (Kernels kernels : providers) {
            Workspace workspace = new Workspace(scope);
            Tape tape = new Tape(kernels, compute.apply(kernels), workspace, true);
            Value[] values = new Value[in.length];
            Parameter[] parameters = new Parameter[in.length];
            for (int i = 0; i < in.length; i++) {
                if (parameter[i]) parameters[i] = new Parameter("p" + i, tensor(in[i]), scope.f32(in[i].length));
                else values[i] = tape.value(tensor(in[i]), true);
            }
            Value out = build.apply(tape, values, parameters);
            close(out.data().toArray(), y, tolerance, "output", kernels);
            Tensor gradient = out.into(workspace);
            for (int i = 0; i < g.length; i++) gradient.set(i, (float) g[i]);
            tape.backward();
            for (int i = 0; i < in.length; i++) {
                if (expected[i] == null) continue;
                Tensor got = parameter[i] ? parameters[i].gradient() : values[i].gradient();
                close(got.toArray(), expected[i], tolerance, "gradient " + i, kernels);
            }
        }
    }

    private static void close(float[] got, double[] want, double tolerance, String what, Kernels kernels) {
        double scale = Arrays.stream(want).map(Math::abs).max().orElse(1);
        for (int i = 0; i < want.length; i++) {
            assertThat((double) got[i]).as("%s at %d, %s", what, i, kernels.id()).isCloseTo(want[i], within(tolerance * Math.max(1e-2, scale)));
        }
    }

    private double[] numbers(int count) {
        double[] values = new double[count];
        for (int i = 0; i < count; i++) values[i] = (float) random.nextGaussian();
        return values;
    }

    private Tensor tensor(double[] values) {
        Tensor tensor = scope.f32(values.length);
        for (int i = 0; i < values.length; i++) tensor.set(i, (float) values[i]);
        return tensor;
    }

    private static Value shaped(Tape tape, Value flat, long... shape) {
        return tape.value(flat.data().view(shape), true);
    }

    private static Parameter shaped(Parameter flat, long... shape) {
        return new Parameter(flat.name(), flat.value().view(shape), flat.gradient().view(shape));
    }

    @ParameterizedTest
    @CsvSource({"1,1,1,1", "3,17,3,2", "17,3,17,3"})
    void linearWithLowRankUpdateOnAFrozenMatrix(int rows, int inputs, int outputs, int rank) {
        double[][] in = {numbers(rows * inputs), numbers(rank * inputs), numbers(outputs * rank), numbers(outputs * inputs)};
        Twin mutant = new Twin.Lora(rows, inputs, outputs, rank, 2.5, true);
        // x stays a leaf of its own shape: the operation's gradient goes there
        check(new Twin.Lora(rows, inputs, outputs, rank, 2.5, false), mutant, in, new boolean[] {false, true, true, true},
                (tape, values, parameters) -> {
                    Projection frozen = new Projection.Frozen(tape.kernels().matmul().pack(parameters[3].value().view(outputs, inputs), scope), null,
                            new Projection.LowRank(shaped(parameters[1], rank, inputs), shaped(parameters[2], outputs, rank), 2.5f));
                    return through(tape, values[0], rows, inputs, x -> Linear.apply(tape, x, frozen, null, true));
                });
    }

    /// The same by fused products: as near in F32; with rounded factors within some parts in 256, which no mutant reaches.
    @ParameterizedTest
    @CsvSource({"1,1,1,1", "3,17,3,2", "17,3,17,3", "33,70,40,16"})
    void linearByFusedProducts(int rows, int inputs, int outputs, int rank) {
        double[][] in = {numbers(rows * inputs), numbers(rank * inputs), numbers(outputs * rank), numbers(outputs * inputs)};
        for (Precision precision : Precision.values()) {
            check(new Twin.Lora(rows, inputs, outputs, rank, 2.5, false), new Twin.Lora(rows, inputs, outputs, rank, 2.5, true), in,
                    new boolean[] {false, true, true, true}, kernels -> fused(kernels, precision), precision == Precision.F32 ? SINGLE : 2e-2,
                    (tape, values, parameters) -> {
                        Projection frozen = new Projection.Frozen(tape.kernels().matmul().map(parameters[3].value().view(outputs, inputs)), null,
                                new Projection.LowRank(shaped(parameters[1], rank, inputs), shaped(parameters[2], outputs, rank), 2.5f));
                        return through(tape, values[0], rows, inputs, x -> Linear.apply(tape, x, frozen, null, true));
                    });
        }
    }

    /// Plain where this machine has no bfloat16 instructions: then the scalar provider alone is under test.
    private static Compute fused(Kernels kernels, Precision precision) {
        FrozenLinear products = kernels.frozenLinear(precision);
        return products == null ? Compute.plain(kernels) : new Compute(precision, products, kernels.segmentAttention());
    }

    private interface Unary {
        Value apply(Value x);
    }

    /// Runs an operation on a reshaped view of a flat leaf and carries the gradient back.
    private static Value through(Tape tape, Value leaf, long rows, long columns, Unary operation) {
        Value x = shaped(tape, leaf, rows, columns);
        tape.record(x, () -> leaf.adopt(x.take().view(leaf.data().shape()), tape));
        return operation.apply(x);
    }

    @ParameterizedTest
    @CsvSource({"1,3", "3,17", "17,1", "5,32"})
    void rmsNorm(int rows, int width) {
        Twin mutant = width == 1 ? null : new Twin.Rms(rows, width, 1e-3, 0.5, true);
        check(new Twin.Rms(rows, width, (float) 1e-3, 0.5, false), mutant, new double[][] {numbers(rows * width), numbers(width)},
                new boolean[] {false, true}, (tape, values, parameters) -> through(tape, values[0], rows, width,
                        x -> RmsNorm.apply(tape, x, parameters[1], new NormSpec(1e-3f, 0.5f))));
    }

    @Test
    void rotaryPositions() {
        int[] positions = {0, 1, 2, 0, 7};
        double[] frequencies = {1, 0.3};
        check(new Twin.Rope(5, 3, 6, positions, frequencies, 1.25, false), new Twin.Rope(5, 3, 6, positions, frequencies, 1.25, true),
                new double[][] {numbers(5 * 18)}, new boolean[] {false}, (tape, values, parameters) -> through(tape, values[0], 5, 18,
                        x -> Rotary.apply(tape, x, positions, 6, new RopeSpec(frequencies, 1.25))));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void packedAttentionWithGroupedHeads(int mistake) {
        int[] starts = {0, 1, 4, 21};
        check(new Twin.Attention(starts, 4, 2, 3, 0.7, 0), new Twin.Attention(starts, 4, 2, 3, 0.7, mistake),
                new double[][] {numbers(21 * 12), numbers(21 * 6), numbers(21 * 6)}, new boolean[3], (tape, values, parameters) ->
                        through(tape, values[0], 21, 12, q -> through(tape, values[1], 21, 6, k -> through(tape, values[2], 21, 6,
                                v -> Attend.apply(tape, q, k, v, starts, new SegmentAttention.Heads(4, 2, 3, 0.7f, 0))))));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 17})
    void gatedActivation(int count) {
        check(new Twin.Glu(count, false), new Twin.Glu(count, true), new double[][] {numbers(count), numbers(count)}, new boolean[2],
                (tape, values, parameters) -> SwiGlu.apply(tape, values[0], values[1]));
    }

    /// More rows than a chunk, hard rows first, then rows with a KL term, some with both.
    @ParameterizedTest
    @CsvSource({"3,0,17", "0,3,5", "150,140,7"})
    void headWithCrossEntropyAndDivergence(int hardRows, int softRows, int vocab) {
        int rows = hardRows + softRows, width = 3;
        int[] targets = new int[rows], index = new int[rows];
        float[] hard = new float[rows], soft = new float[rows];
        double[] hardWide = new double[rows], softWide = new double[rows];
        for (int i = 0; i < rows; i++) {
            targets[i] = random.nextInt(vocab);
            index[i] = i;
            hard[i] = i < hardRows || i % 3 == 0 ? 0.5f : 0;
            soft[i] = i < hardRows ? 0 : 0.25f;
            hardWide[i] = hard[i];
            softWide[i] = soft[i];
        }
        double[][] in = {numbers(rows * width), numbers(vocab * width), numbers(rows * width), null};
        in[3] = in[1].clone();
        Twin twin = new Twin.Head(rows, width, vocab, targets, hardWide, softWide, false);
        double[] one = {1};
        assertThat(Twin.differenceError(twin, in, one)).isLessThan(TWIN);
        if (softRows > 0) {
            assertThat(Twin.differenceError(new Twin.Head(rows, width, vocab, targets, hardWide, softWide, true), in, one)).isGreaterThan(MUTANT);
        }
        double[][] expected = twin.backward(in, one);
        for (Kernels kernels : providers) {
            Tape tape = new Tape(kernels, new Workspace(scope), true);
            Value x = tape.value(tensor(in[0]).view(rows, width), true);
            Parameter w = shaped(new Parameter("w", tensor(in[1]), scope.f32(in[1].length)), vocab, width);
            Tensor base = softRows == 0 ? null : tensor(Arrays.copyOfRange(in[2], hardRows * width, rows * width)).view(softRows, width);
            LossRows losses = HeadLoss.apply(tape, x, new Projection.Dense(w, null), base, index, targets, hard, soft);
            assertThat(losses.sum()).isCloseTo(twin.forward(in)[0], within(1e-4 * rows));
            close(x.gradient().toArray(), expected[0], SINGLE, "dx", kernels);
            close(w.gradient().toArray(), expected[1], SINGLE, "dW", kernels);
        }
    }

    @Test
    void embeddingAndRowSelectionAddEveryUseOfARow() {
        for (Kernels kernels : providers) {
            Tape tape = new Tape(kernels, new Workspace(scope), true);
            Parameter table = shaped(new Parameter("table", tensor(numbers(5 * 3)), scope.f32(15)), 5, 3);
            Value rows = Rows.embed(tape, table, new int[] {4, 0, 4}, 2);
            Value chosen = Rows.select(tape, rows, new int[] {2, 0});
            assertThat(chosen.data().get(0)).isEqualTo(2 * table.value().get(12));
            Tensor g = chosen.into(tape.workspace());
            for (int i = 0; i < 6; i++) g.set(i, i + 1);
            tape.backward();
            assertThat(table.gradient().toArray()).containsExactly(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 14, 18);
        }
    }
}
