// SPDX-License-Identifier: Apache-2.0
package dev.stoa;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/// The edges between the training module's packages.
class TrainingArchTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.stoa.grad", "dev.stoa.optim", "dev.stoa.tune", "dev.stoa.data", "dev.stoa.eval");

    @Test
    void packagesFormNoCycle() {
        slices().matching("dev.stoa.(*)..").should().beFreeOfCycles().check(CLASSES);
    }

    @Test
    void gradientsAndOptimizersKnowNothingAboveThem() {
        noClasses().that().resideInAnyPackage("dev.stoa.grad..", "dev.stoa.optim..")
                .should().dependOnClassesThat().resideInAnyPackage("dev.stoa.tune..", "dev.stoa.eval..", "dev.stoa.generate..",
                        "tools.jackson..", "java.nio.file..")
                .allowEmptyShould(true).check(CLASSES);
    }

    @Test
    void dataAndEvaluationDoNotTrain() {
        noClasses().that().resideInAnyPackage("dev.stoa.data..", "dev.stoa.eval..")
                .should().dependOnClassesThat().resideInAnyPackage("dev.stoa.tune..", "dev.stoa.grad..", "dev.stoa.optim..")
                .allowEmptyShould(true).check(CLASSES);
    }

    @Test
    void nothingReachesUpIntoExpertsOrTheApp() {
        noClasses().should().dependOnClassesThat().resideInAnyPackage("dev.stoa.library..", "dev.stoa.gate..", "dev.stoa.route..",
                "dev.stoa.memory..", "dev.stoa.serve..", "dev.stoa.cli..").allowEmptyShould(true).check(CLASSES);
    }
}
