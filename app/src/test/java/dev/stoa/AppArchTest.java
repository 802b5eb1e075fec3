// SPDX-License-Identifier: Apache-2.0
package dev.stoa;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/// The server, the command line and the demo stay apart, each with its own libraries.
class AppArchTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.stoa.serve", "dev.stoa.cli", "dev.stoa.demo");

    @Test
    void onlyTheServerKnowsHelidonAndPrometheus() {
        noClasses().that().resideOutsideOfPackage("dev.stoa.serve..")
                .should().dependOnClassesThat().resideInAnyPackage("io.helidon..", "io.prometheus..")
                .allowEmptyShould(true).check(CLASSES);
    }

    @Test
    void onlyTheCommandLineKnowsPicocliAndJline() {
        noClasses().that().resideOutsideOfPackage("dev.stoa.cli..")
                .should().dependOnClassesThat().resideInAnyPackage("picocli..", "org.jline..")
                .allowEmptyShould(true).check(CLASSES);
    }

    @Test
    void nothingDependsOnTheCommandLine() {
        noClasses().that().resideInAnyPackage("dev.stoa.serve..", "dev.stoa.demo..")
                .should().dependOnClassesThat().resideInAPackage("dev.stoa.cli..").allowEmptyShould(true).check(CLASSES);
        noClasses().that().resideInAPackage("dev.stoa.serve..")
                .should().dependOnClassesThat().resideInAPackage("dev.stoa.demo..").allowEmptyShould(true).check(CLASSES);
    }
}
