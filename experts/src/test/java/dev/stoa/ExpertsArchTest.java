// SPDX-License-Identifier: Apache-2.0
package dev.stoa;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/// The edges between the experts module's packages.
class ExpertsArchTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.stoa.store", "dev.stoa.library", "dev.stoa.gate", "dev.stoa.route", "dev.stoa.memory");

    @Test
    void packagesFormNoCycle() {
        slices().matching("dev.stoa.(*)..").should().beFreeOfCycles().check(CLASSES);
    }

    @Test
    void theStoreKnowsNothingAboveIt() {
        noClasses().that().resideInAPackage("dev.stoa.store..")
                .should().dependOnClassesThat().resideInAnyPackage("dev.stoa.library..", "dev.stoa.gate..", "dev.stoa.route..",
                        "dev.stoa.memory..", "dev.stoa.generate..")
                .allowEmptyShould(true).check(CLASSES);
    }

    @Test
    void expertsNeverServe() {
        noClasses().should().dependOnClassesThat()
                .resideInAnyPackage("dev.stoa.serve..", "dev.stoa.cli..", "dev.stoa.demo..", "io.helidon..", "picocli..")
                .allowEmptyShould(true).check(CLASSES);
    }
}
