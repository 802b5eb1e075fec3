// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.ExpertsFault;
import dev.stoa.FaultException;
import dev.stoa.library.AdapterFacts;
import dev.stoa.library.Evidence;
import dev.stoa.library.Library;
import dev.stoa.library.Manifest;
import dev.stoa.library.State;
import dev.stoa.store.Disk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServingPolicyTest {
    private static final String BASE = "b".repeat(64);
    private static final String OTHER = "c".repeat(64);

    @TempDir
    Path directory;

    private static ServingPolicy policy(Object... steps) {
        List<ServingPolicy.Finding> findings = new ArrayList<>();
        for (int i = 0; i < steps.length; i++) {
            Uplift uplift = steps[i] instanceof Uplift measured ? measured : DecisionsTest.uplift("spice", 5, 4, 128);
            findings.add(new ServingPolicy.Finding("run-" + i, "spice", uplift, null, !(steps[i] instanceof Uplift)));
        }
        return ServingPolicy.derive(BASE, List.of("spice", "math"), findings);
    }

    @Test
    void aDomainFollowsItsNumbersWithoutFlapping() {
        Uplift gain = DecisionsTest.uplift("spice", 100, 2, 128);
        Uplift nothing = DecisionsTest.uplift("spice", 5, 4, 128);
        Uplift harm = DecisionsTest.uplift("spice", 2, 100, 128);
        Uplift few = DecisionsTest.uplift("spice", 60, 0, 100);
        String red = "a red guard";
        assertThat(served(policy())).isEqualTo("untrained");
        assertThat(served(policy(few))).isEqualTo("untrained");
        assertThat(served(policy(gain))).isEqualTo("expert");
        assertThat(served(policy(nothing))).isEqualTo("base_only");
        assertThat(served(policy(harm))).isEqualTo("base_only");
        assertThat(served(policy(gain, nothing))).isEqualTo("expert");
        assertThat(served(policy(gain, nothing, few))).isEqualTo("expert");
        assertThat(served(policy(gain, harm))).isEqualTo("base_only");
        assertThat(served(policy(gain, red))).isEqualTo("base_only");
        assertThat(served(policy(gain, harm, nothing))).isEqualTo("base_only");
        assertThat(served(policy(gain, harm, gain))).isEqualTo("expert");
        assertThat(policy(gain, nothing).domains().get("spice").uplift()).isEqualTo(gain.gain());
        assertThat(policy(gain).domains().get("math").serve()).isEqualTo("untrained");
        assertThat(policy(gain).mayMount("spice")).isTrue();
        assertThat(policy(gain).mayMount("math")).isFalse();
        assertThat(policy(gain).mayMount("unheard of")).isFalse();
    }

    private static String served(ServingPolicy policy) {
        return policy.domains().get("spice").serve();
    }

    @Test
    void aFileEditedByHandIsRefused() throws IOException {
        Path file = directory.resolve("serving_policy.json");
        assertThat(ServingPolicy.read(file)).isEmpty();
        ServingPolicy policy = policy(DecisionsTest.uplift("spice", 5, 4, 128));
        policy.write(file, Disk.local());
        assertThat(ServingPolicy.read(file)).contains(policy);
        String text = Files.readString(file);
        for (String edited : List.of(text.replace("base_only", "expert"), text.replace(BASE, OTHER),
                text.replace("128", "129"),
                text.replace("\"spice\"", "\"sauce\""), "{}", "", "null", text.replace("base_only", "perhaps"),
                text.substring(0, text.length() - 5))) {
            assertThat(edited).isNotEqualTo(text);
            Files.writeString(file, edited);
            assertThatThrownBy(() -> ServingPolicy.read(file)).isInstanceOf(FaultException.class).satisfies(thrown ->
                    assertThat(((FaultException) thrown).fault().code())
                            .isEqualTo(ExpertsFault.SERVING_POLICY_CHANGED));
        }
        // White space is not content.
        Files.writeString(file, text.replace("\n", "\n "));
        assertThat(ServingPolicy.read(file)).contains(policy);
    }

    @Test
    void itIsDerivedFromTheEvidenceOfTheLibraryAndOnlyOnTheSameBase() throws IOException {
        Library library = Library.open(directory.resolve("library"));
        publish(library, "spice", DecisionsTest.uplift("spice", 100, 2, 128));
        publish(library, "math", DecisionsTest.uplift("math", 2, 100, 128));
        ServingPolicy policy = ServingPolicy.derive(library, BASE, List.of("spice", "math", "cpp"));
        assertThat(policy.domains().get("spice").serve()).isEqualTo("expert");
        assertThat(policy.domains().get("spice").n()).isEqualTo(128);
        assertThat(policy.domains().get("math").serve()).isEqualTo("base_only");
        assertThat(policy.domains().get("math").reason()).isEqualTo("harmful");
        assertThat(policy.domains().get("cpp").serve()).isEqualTo("untrained");
        assertThat(library.blob(policy.domains().get("spice").evidence())).asString().contains("\"uplift\"");
        assertThat(ServingPolicy.derive(library, OTHER, List.of("spice")).domains().get("spice").serve())
                .isEqualTo("untrained");
        Path file = directory.resolve("policy.json");
        policy.write(file, Disk.local());
        assertThat(ServingPolicy.read(file)).contains(policy);
    }

    private void publish(Library library, String name, Uplift uplift) throws IOException {
        Path files = Files.createDirectories(directory.resolve("adapter"));
        Files.writeString(files.resolve("adapter_config.json"), "{}");
        Files.writeString(files.resolve("adapter_model.safetensors"), name);
        Manifest manifest = Manifest.of(name, "1.0.0", List.of(name), new Manifest.Base(BASE, BASE, null, null),
                "test");
        library.add(manifest, files, new AdapterFacts("d".repeat(64), BASE, 8, 2, List.of("q"), "F32", 10));
        library.move(name, "1.0.0", State.GATING, "gate", List.of());
        GateReport report = GateReport.of(uplift, "test", "stoa expert gate " + name, BASE,
                new GateReport.Subject(name, "1.0.0", "d".repeat(64)));
        String hash = library.keepReport("uplift", report.runId(), report.toJson());
        Evidence evidence = new Evidence(Evidence.UPLIFT, hash, report.result().exitCode(), uplift.gain());
        PublicationGate.Decision decision = PublicationGate.decide(new PublicationGate.Request(name, BASE, BASE,
                Set.of(),
                List.of(), uplift, List.of(), false));
        if (decision.state() == State.PUBLISHED) library.publish(name, "1.0.0", List.of(evidence));
        else library.move(name, "1.0.0", decision.state(), String.join(", ", decision.reasons()), List.of(evidence));
    }
}
