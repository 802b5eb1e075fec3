// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.format.Gguf;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.ModelFiles;
import dev.stoa.format.OriginRecord;
import dev.stoa.quant.FormatError;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import dev.stoa.token.GgufTokenizer;
import dev.stoa.token.Tokenizer;
import dev.stoa.token.TokenizerAgreement;
import dev.stoa.token.TokenizerJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Whether a model is a copy of another one, in whatever layout and whoever made it: it must mean the same computation,
/// every tensor must lie within the error of its format, and the tokenizers must agree.
public final class CopyCheck {
    /// What went through a fold of norms or a logarithm may have lost a rounding of F32.
    private static final double FOLD = 0x1p-21;
    private static final int SHOWN = 50;

    /// @param exact how many of the tensors have the very values
    /// @param error largest relative error (Frobenius) of a tensor, and `worst` which tensor has it; null when all are exact
    /// @param problems why it is no copy, at most 50; empty when it is one
    /// @param recorded the manifest that names the origin now, or null
    public record Result(int tensors, int exact, double error, String worst, List<String> problems, List<String> notes, Path recorded) {
        public Result {
            problems = List.copyOf(problems);
            notes = List.copyOf(notes);
        }

        public boolean copy() {
            return problems.isEmpty();
        }
    }

    private final SourceModel copy;
    private final List<String> problems = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();
    private int exact;
    private double error;
    private String worst;

    private CopyCheck(SourceModel copy) {
        this.copy = copy;
    }

    /// Compares `copy` with `source`, reading all of both. With `record`, a copy's manifest names the source as its origin, so
    /// that experts of the source are accepted on the copy.
    public static Result of(Path copy, Path source, boolean record) throws IOException {
        try (Scope scope = new Ledger().scope("verify")) {
            SourceModel original = SourceModel.open(source, scope);
            CopyCheck check = new CopyCheck(SourceModel.open(copy, scope));
            check.problems.addAll(SpecDifferences.of(original.spec(), check.copy.spec()));
            // Tensors of another computation cannot be compared one by one.
            if (check.problems.isEmpty()) LayoutChange.pieces(original, check.copy.spec()).forEach(check::tensor);
            check.tokenizers(original.files());
            int count = check.problems.size();
            List<String> shown = count <= SHOWN ? check.problems : new ArrayList<>(check.problems.subList(0, SHOWN));
            if (count > SHOWN) shown.add("and " + (count - SHOWN) + " more");
            Path recorded = record && count == 0 ? OriginRecord.write(check.copy.files(), original.files()) : null;
            return new Result(original.bound().size(), check.exact, check.error, check.worst, shown, check.notes, recorded);
        }
    }

    private void tensor(String name, Piece piece) {
        Tensor got = copy.bound().get(name);
        if (got == null || !Arrays.equals(got.shape(), piece.source().shape())) {
            problems.add(name + ": " + (got == null ? "missing" : got.describe()) + ", expected the shape of " + piece.source().describe());
            return;
        }
        FormatError format = FormatError.of(got);
        if (format == null) {
            problems.add(name + ": nothing is known of the error of " + got.describe());
            return;
        }
        double slack = piece.added() == 0 && piece.decay() == Piece.Decay.KEPT ? 0 : FOLD;
        int columns = got.cols();
        float[] scratch = new float[columns];
        float[] expected = new float[columns];
        float[] values = new float[columns];
        double distance = 0;
        double norm = 0;
        for (int row = 0; row < got.rows(); row++) {
            piece.row(row, expected, 0, scratch);
            Quant.decodeRow(got, row, values, 0);
            int beyond = format.firstBeyond(expected, values, slack);
            if (beyond >= 0) {
                problems.add("%s [%d, %d]: got %s, expected %s as %s".formatted(name, row, beyond, values[beyond], expected[beyond], got.describe()));
                return;
            }
            for (int c = 0; c < columns; c++) {
                double d = (double) values[c] - expected[c];
                distance += d * d;
                norm += (double) expected[c] * expected[c];
            }
        }
        if (distance == 0) {
            exact++;
            return;
        }
        double relative = norm == 0 ? Double.POSITIVE_INFINITY : Math.sqrt(distance / norm);
        if (relative <= error) return;
        error = relative;
        worst = name;
    }

    private void tokenizers(ModelFiles source) {
        Tokenizer one = tokenizer(source);
        Tokenizer two = tokenizer(copy.files());
        if (one == null && two == null) return;
        if (one == null || two == null) {
            notes.add((one == null ? source : copy.files()).path() + " has no tokenizer, so tokenizers are not compared");
            return;
        }
        String different = TokenizerAgreement.difference(one, two);
        if (different != null) problems.add("the tokenizers differ: " + different);
    }

    private static Tokenizer tokenizer(ModelFiles files) {
        return switch (files) {
            case ModelDirectory directory -> directory.tokenizerJson() == null ? null : TokenizerJson.parse(directory.tokenizerJson());
            case Gguf gguf -> gguf.metadata().has("tokenizer.ggml.tokens") ? GgufTokenizer.parse(gguf.metadata()) : null;
        };
    }
}
