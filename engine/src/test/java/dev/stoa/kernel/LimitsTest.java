// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What the ceilings compute and how samples become a rate; how fast is not for a test to say.
class LimitsTest {
    @ParameterizedTest
    @ValueSource(strings = {"scalar", "vector"})
    void readingTouchesEveryFloatOfItsRangeAndNoOther(String choice) {
        try (Kernels kernels = KernelProvider.open(choice, 1); Scope scope = new Ledger().scope("test")) {
            Tensor data = scope.f32(3, 256);
            for (int i = 0; i < 256; i++) {
                data.set(i, Float.NaN);
                data.set(512 + i, Float.NaN);
            }
            assertThat(kernels.ceiling().read(data.data(), 1024, 2048)).isZero();
            for (long i = 256; i < 512; i++) {
                data.set(i, Float.NaN);
                float sum = kernels.ceiling().read(data.data(), 1024, 2048);
                data.set(i, 0);
                // The vector loop answers lane 0 of its sums: floats of the other lanes are read but do not show.
                if (choice.equals("scalar") || (i - 256) % lanes(kernels) == 0) assertThat(sum).isNaN();
            }
        }
    }

    private static int lanes(Kernels kernels) {
        return Integer.parseInt(kernels.id().substring("vector-".length())) / 32;
    }

    @ParameterizedTest
    @ValueSource(strings = {"scalar", "vector"})
    void multiplyAddsDependOnTheRounds(String choice) {
        try (Kernels kernels = KernelProvider.open(choice, 1)) {
            float few = kernels.ceiling().multiplyAdds(10);
            float many = kernels.ceiling().multiplyAdds(1000);
            assertThat(many).isFinite().isLessThan(few);
            assertThat(kernels.ceiling().operationsPerRound()).isPositive();
        }
    }

    @Test
    void aRateIsTheMedianWithItsSpread() {
        assertThat(Limits.Rate.of(new double[] {5, 1, 2, 4, 3, 6, 7, 8, 9, 10, 0}))
                .isEqualTo(new Limits.Rate(5, 1, 9, 11));
        assertThat(Limits.Rate.of(new double[] {2})).isEqualTo(new Limits.Rate(2, 2, 2, 1));
        assertThatThrownBy(() -> Limits.measure(null, null, 0)).isInstanceOf(IllegalArgumentException.class);
    }
}
