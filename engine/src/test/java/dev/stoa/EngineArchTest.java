// SPDX-License-Identifier: Apache-2.0
package dev.stoa;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/// The edges between the engine's packages (docs/concepts/architecture.md), read from the compiled classes.
class EngineArchTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.stoa");

    @Test
    void packagesFormNoCycle() {
        slices().matching("dev.stoa.(*)..").should().beFreeOfCycles().check(CLASSES);
    }

    @Test
    void lowerPackagesDoNotKnowHigherOnes() {
        forbid("tensor", "kernel", "quant", "format", "model", "cache", "token", "template", "generate", "adapter");
        forbid("kernel", "format", "model", "cache", "token", "template", "generate", "adapter");
        forbid("quant", "format", "model", "cache", "token", "template", "generate", "adapter");
        forbid("format", "model", "cache", "token", "template", "generate", "adapter");
        forbid("token", "tensor", "kernel", "model", "cache", "generate", "adapter");
        forbid("template", "tensor", "kernel", "model", "cache", "generate", "adapter", "format");
        forbid("adapter", "model", "cache", "generate", "token", "template");
        forbid("cache", "model", "generate", "adapter", "token", "template");
        forbid("model", "generate");
    }

    @Test
    void onlyTheVectorProviderUsesTheVectorApi() {
        noClasses().that().resideOutsideOfPackage("dev.stoa.kernel.vector..")
                .should().dependOnClassesThat().resideInAPackage("jdk.incubator.vector..").check(CLASSES);
    }

    @Test
    void computeKnowsNoJson() {
        noClasses().that().resideInAnyPackage("dev.stoa.tensor..", "dev.stoa.kernel..", "dev.stoa.quant..", "dev.stoa.nn..")
                .should().dependOnClassesThat().resideInAPackage("tools.jackson..").check(CLASSES);
    }

    @Test
    void onlyMemoryOwnersAllocateOrMap() {
        noClasses().that().resideOutsideOfPackages("dev.stoa.tensor..", "dev.stoa.format..", "dev.stoa.cache..", "dev.stoa.kernel.foreign..")
                .should().dependOnClassesThat().haveFullyQualifiedName("java.lang.foreign.Arena").check(CLASSES);
    }

    @Test
    void textAndSyntaxPackagesDoNoInputOrOutput() {
        noClasses().that().resideInAnyPackage("dev.stoa.token..", "dev.stoa.template..", "dev.stoa.model.family..")
                .should().dependOnClassesThat().resideInAnyPackage("java.nio.file..", "java.net..").check(CLASSES);
    }

    @Test
    void theEngineStaysQuietAndPlain() {
        noClasses().should().accessField(System.class, "out").check(CLASSES);
        noClasses().should().callMethod(Thread.class, "sleep", long.class).check(CLASSES);
        noClasses().should().dependOnClassesThat().haveFullyQualifiedName("java.lang.ThreadLocal").check(CLASSES);
        noClasses().that().resideOutsideOfPackage("dev.stoa.format.hub..")
                .should().dependOnClassesThat().resideInAPackage("java.net..").check(CLASSES);
    }

    private static void forbid(String from, String... to) {
        for (String target : to) {
            noClasses().that().resideInAPackage("dev.stoa." + from + "..")
                    .should().dependOnClassesThat().resideInAPackage("dev.stoa." + target + "..")
                    .allowEmptyShould(true).check(CLASSES);
        }
    }
}
