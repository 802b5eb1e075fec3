// SPDX-License-Identifier: Apache-2.0
package dev.stoa.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// AdamW and Muon against their formulas in double.
class OptimizerTest {
    private final Scope scope = new Ledger().scope("test");
    private final Kernels kernels = KernelProvider.open("scalar", 1);
    private final Random random = new Random(1);

    @AfterEach
    void close() {
        kernels.close();
        scope.close();
    }

    private Variable variable(long... shape) {
        Variable variable = new Variable("w", scope.f32(shape), scope.f32(shape));
        for (long i = 0; i < variable.value().elements(); i++) variable.value().set(i, (float) random.nextGaussian());
        return variable;
    }

    private void fillGradient(Variable variable) {
        for (long i = 0; i < variable.gradient().elements(); i++) variable.gradient().set(i, (float) random.nextGaussian());
    }

    @Test
    void adamwFollowsItsFormula() {
        Variable variable = variable(5, 3);
        AdamW adamw = new AdamW(List.of(variable), new AdamW.Settings(0.1, 0.9, 0.95, 1e-8, 0.2), kernels.updates(), scope);
        double[] w = new double[15], m = new double[15], v = new double[15];
        for (int i = 0; i < 15; i++) w[i] = variable.value().get(i);
        for (int t = 1; t <= 4; t++) {
            fillGradient(variable);
            adamw.step(t, 0.5, 0.25);
            for (int i = 0; i < 15; i++) {
                double g = 0.25 * variable.gradient().get(i);
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.95 * v[i] + 0.05 * g * g;
                w[i] = w[i] * (1 - 0.05 * 0.2)
                        - 0.05 * (m[i] / (1 - Math.pow(0.9, t))) / (Math.sqrt(v[i] / (1 - Math.pow(0.95, t))) + 1e-8);
                assertThat((double) variable.value().get(i)).isCloseTo(w[i], within(1e-5));
            }
        }
        assertThat(adamw.state()).containsOnlyKeys("m.w", "v.w");
    }

    @ParameterizedTest
    @CsvSource({"4,4", "3,8", "8,3", "1,5"})
    void muonFollowsItsFormula(int rows, int columns) {
        Variable variable = variable(rows, columns);
        Muon muon = new Muon(List.of(variable), new Muon.Settings(0.02, 0.95, 0.1), kernels.matmul(), kernels.updates(), scope);
        double[][] w = matrix(variable.value(), 1), buffer = new double[rows][columns];
        for (int t = 1; t <= 3; t++) {
            fillGradient(variable);
            muon.step(t, 0.5, 2);
            double[][] g = matrix(variable.gradient(), 2), u = new double[rows][columns];
            double norm = 0;
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < columns; j++) {
                    buffer[i][j] = 0.95 * buffer[i][j] + g[i][j];
                    u[i][j] = g[i][j] + 0.95 * buffer[i][j];
                    norm += u[i][j] * u[i][j];
                }
            }
            for (double[] row : u) for (int j = 0; j < columns; j++) row[j] /= Math.sqrt(norm) + 1e-7;
            for (int i = 0; i < 5; i++) {
                double[][] a = multiply(u, transpose(u)), aa = multiply(a, a), b = new double[rows][rows];
                for (int p = 0; p < rows; p++) for (int q = 0; q < rows; q++) b[p][q] = -4.7750 * a[p][q] + 2.0315 * aa[p][q];
                double[][] bu = multiply(b, u);
                for (int p = 0; p < rows; p++) for (int q = 0; q < columns; q++) u[p][q] = 3.4445 * u[p][q] + bu[p][q];
            }
            double scale = 0.01 * Math.sqrt(Math.max(1, (double) rows / columns));
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < columns; j++) {
                    w[i][j] = w[i][j] * (1 - 0.01 * 0.1) - scale * u[i][j];
                    assertThat((double) variable.value().get((long) i * columns + j)).isCloseTo(w[i][j], within(1e-4));
                }
            }
        }
    }

    /// The coefficients are chosen so that singular values end near 1.
    @Test
    void muonsDirectionIsNearlyOrthogonal() {
        Variable variable = variable(12, 40);
        Muon muon = new Muon(List.of(variable), new Muon.Settings(1, 0, 0), kernels.matmul(), kernels.updates(), scope);
        double[][] x = matrix(muon.orthogonalize(variable.value()), 1), gram = multiply(x, transpose(x));
        double trace = 0;
        for (int i = 0; i < 12; i++) {
            trace += gram[i][i];
            assertThat(gram[i][i]).isBetween(0.3, 1.7);
            for (int j = 0; j < i; j++) assertThat(Math.abs(gram[i][j])).isLessThan(0.35);
        }
        assertThat(trace / 12).isBetween(0.6, 1.3);
    }

    @Test
    void muonRefusesVectors() {
        assertThatThrownBy(() -> new Muon(List.of(variable(4)), new Muon.Settings(1, 0, 0), kernels.matmul(), kernels.updates(), scope))
                .hasMessageContaining("w is not a matrix");
    }

    private static double[][] matrix(Tensor tensor, double scale) {
        double[][] matrix = new double[tensor.rows()][tensor.cols()];
        for (int i = 0; i < tensor.rows(); i++) for (int j = 0; j < tensor.cols(); j++) matrix[i][j] = scale * tensor.get((long) i * tensor.cols() + j);
        return matrix;
    }

    private static double[][] multiply(double[][] a, double[][] b) {
        double[][] c = new double[a.length][b[0].length];
        for (int i = 0; i < a.length; i++) for (int j = 0; j < b[0].length; j++) for (int k = 0; k < b.length; k++) c[i][j] += a[i][k] * b[k][j];
        return c;
    }

    private static double[][] transpose(double[][] a) {
        double[][] t = new double[a[0].length][a.length];
        for (int i = 0; i < a.length; i++) for (int j = 0; j < a[0].length; j++) t[j][i] = a[i][j];
        return t;
    }
}
