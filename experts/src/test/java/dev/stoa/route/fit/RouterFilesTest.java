// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import dev.stoa.eval.world.WorldSize;
import dev.stoa.generate.Compose;
import dev.stoa.route.CompositionTable;
import dev.stoa.route.RoutedExpert;
import dev.stoa.route.RouterFiles;
import dev.stoa.route.RouterModel;
import dev.stoa.route.RouterState;
import dev.stoa.route.feature.FeatureSource;
import dev.stoa.route.feature.HashedFeatures;
import dev.stoa.route.feature.RouteText;
import dev.stoa.route.head.Columns;
import dev.stoa.route.head.Head;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RouterFilesTest {
    private static final WorldRows CORPUS = new WorldRows(5, WorldSize.TINY);
    private static RouterState fitted;
    private static List<RouteRow> test;

    @TempDir
    Path root;

    /// Features that are not hashed; their name changes with `salt`.
    private record Named(String salt) implements FeatureSource {
        private static final HashedFeatures INNER = new HashedFeatures();

        @Override
        public String id() {
            return "prefill";
        }

        @Override
        public String hash() {
            return salt;
        }

        @Override
        public int dim() {
            return HashedFeatures.DIM;
        }

        @Override
        public List<float[]> embed(RouteText text) {
            return INNER.embed(text);
        }
    }

    @BeforeAll
    static void fit() {
        List<RouteRow> rows = new ArrayList<>(CORPUS.rows(RouteRow.Split.TRAIN, 300));
        rows.addAll(CORPUS.rows(RouteRow.Split.CALIBRATION, 120));
        rows.addAll(CORPUS.rows(RouteRow.Split.CERTIFICATE, 60));
        test = CORPUS.rows(RouteRow.Split.TEST, 60);
        RoutedExpert own = new RoutedExpert("expert", "3", "abc", RoutedExpert.Standing.SERVED, Set.of("t"));
        CompositionTable table = new CompositionTable(Map.of("a+b", new CompositionTable.Pair(true, 0.1, 0, 0.2, 64)),
                List.of(new CompositionTable.Mode(Compose.SELECT, CompositionTable.Weights.UNIT, 0.9, 0.01, 100)), 0.01);
        fitted = RouterFit.fit(CORPUS.labels, rows, new Named("one"), new RouterFit.Options(true, 0.05, 0.05, 1)).state()
                .withRoster(Map.of(CORPUS.labels.get(0), own, CORPUS.labels.get(1), RoutedExpert.baseOnly("x"))).withComposition(table);
    }

    private static RouterState load(Path root) throws IOException {
        return RouterFiles.load(root, (id, directory) -> new Named("one"));
    }

    @Test
    void loadsWhatItSaved() throws IOException {
        RouterFiles.save(root, fitted);
        RouterState back = load(root);
        assertThat(back.version()).isEqualTo(fitted.version());
        assertThat(back.labels()).isEqualTo(fitted.labels());
        assertThat(back.roster()).isEqualTo(fitted.roster());
        assertThat(back.composition()).isEqualTo(fitted.composition());
        for (RouteRow row : test) {
            if (row.text().user().isBlank()) continue;
            assertThat(back.model().score(row.text()).p()).containsExactly(fitted.model().score(row.text()).p());
            assertThat(back.fallback().score(row.text()).abstain()).isEqualTo(fitted.fallback().score(row.text()).abstain());
        }
        RouterState later = RouterFiles.save(root, fitted.without(CORPUS.labels.getFirst()));
        assertThat(load(root).version()).isEqualTo(later.version());
        assertThat(RouterFiles.save(root, later).version()).as("a taken version is not written over").isGreaterThan(later.version());
        Files.writeString(root.resolve("current"), Long.toString(fitted.version()));
        assertThat(load(root).version()).as("the pointer decides").isEqualTo(fitted.version());
    }

    @Test
    void everyHeadIsRestored() throws IOException {
        List<RouteRow> rows = new ArrayList<>(CORPUS.rows(RouteRow.Split.TRAIN, 100));
        float[][] x = new float[rows.size()][];
        boolean[][] y = new boolean[rows.size()][4];
        for (int i = 0; i < x.length; i++) {
            List<float[]> windows = Named.INNER.embed(rows.get(i).text());
            x[i] = windows.isEmpty() ? new float[HashedFeatures.DIM] : windows.getFirst();
            for (int c = 0; c < 3; c++) y[i][c] = rows.get(i).labels().contains(CORPUS.labels.get(c));
            y[i][3] = rows.get(i).labels().isEmpty();
        }
        int version = 50;
        for (HeadTrainer.Loss loss : HeadTrainer.Loss.values()) {
            for (int hidden : new int[] {0, 8}) {
                Head head = HeadTrainer.fit(new HeadTrainer.Settings(loss, hidden, 2, 32, 1e-2, 0, 0.02, 1), x, y);
                RouterModel m = fitted.model();
                List<Head> heads = m.heads().size() == 1 ? List.of(head) : List.of(m.words(), head);
                RouterModel model = new RouterModel(m.source(), heads, m.words(), m.calibration(), m.thresholds(), m.relativeFloor(), m.gate());
                RouterFiles.save(root, new RouterState(++version, fitted.labels(), model, null, Map.of(), fitted.composition()));
                assertThat(load(root).model().score(test.getFirst().text()).p()).containsExactly(model.score(test.getFirst().text()).p());
            }
        }
    }

    @Test
    void otherFeaturesAreRefused() throws IOException {
        RouterFiles.save(root, fitted);
        assertThatThrownBy(() -> RouterFiles.load(root, (id, directory) -> new Named("two"))).isInstanceOf(FaultException.class)
                .hasMessageContaining("router_feature_mismatch").hasMessageContaining("prefill:one").hasMessageContaining("prefill:two")
                .hasMessageContaining("--fit");
        assertThatThrownBy(() -> RouterFiles.load(root, (id, directory) -> null)).hasMessageContaining("router_feature_mismatch");
    }

    @Test
    void damageIsRefusedWithAClearError() throws IOException {
        RouterFiles.save(root, fitted);
        Path version = root.resolve(Long.toString(fitted.version()));
        String meta = Files.readString(version.resolve("meta.json"));
        for (String bad : List.of("", "{", "{}", meta.replace("\"schema\":1", "\"schema\":9"), meta.substring(0, meta.length() / 2),
                meta.replaceFirst("\"thresholds\":\\[[^,]*,", "\"thresholds\":["))) {
            Files.writeString(version.resolve("meta.json"), bad);
            assertThatThrownBy(() -> load(root)).as(bad.length() > 40 ? bad.substring(0, 40) : bad).isInstanceOf(FaultException.class)
                    .hasMessageContaining("router_invalid");
        }
        Files.writeString(version.resolve("meta.json"), meta.replaceFirst("\"probes\":\\[\\[\\[[^,]*", "\"probes\":[[[7.5"));
        assertThatThrownBy(() -> load(root)).hasMessageContaining("router_probe_mismatch");
        Files.writeString(version.resolve("meta.json"), meta);
        Files.writeString(root.resolve("current"), "../elsewhere");
        assertThatThrownBy(() -> load(root)).isInstanceOf(FaultException.class).hasMessageContaining("router_invalid");
    }

    @Test
    void matricesSurviveTheirLayout() {
        Columns matrix = Columns.ofRows(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
        assertThat(matrix.toRows()).containsExactly(1, 2, 3, 4, 5, 6);
        float[] y = {10, 20};
        matrix.multiply(new float[] {1, 0, -1}, y);
        assertThat(y).containsExactly(8, 18);
    }
}
