// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// The real `./stoa` in a made-up checkout with made-up JDKs and a made-up Maven: each only prints how it was called.
@DisabledOnOs(OS.WINDOWS)
class LauncherTest {
    @TempDir
    Path folder;

    private Path root;
    private Path jdk17;
    private Path jdk25;

    @BeforeEach
    void checkout() throws IOException {
        root = folder.resolve("a checkout");
        for (String module : new String[] {"engine", "training", "experts", "app"}) {
            write(root.resolve(module + "/pom.xml"), "<project/>");
            write(root.resolve(module + "/src/main/java/A.java"), "class A {}");
        }
        write(root.resolve("pom.xml"), "<project/>");
        Files.copy(Path.of("..", "stoa"), root.resolve("stoa"));
        executable(root.resolve("stoa"));
        jdk17 = jdk("jdk17", "17.0.15");
        jdk25 = jdk("jdk25", "25.0.1");
        write(folder.resolve("bin/mvn"), """
                #!/bin/sh
                echo "built with $JAVA25_HOME: $*" >> "$CALLS"
                [ -z "${BREAK:-}" ] || { echo "cannot find symbol"; exit 1; }
                mkdir -p app/target/stoa/lib
                """);
        executable(folder.resolve("bin/mvn"));
    }

    private Path jdk(String name, String version) throws IOException {
        Path home = folder.resolve(name);
        write(home.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
        write(home.resolve("bin/java"), """
                #!/bin/sh
                for word; do
                    case $word in -XX:AOTCacheOutput=*)
                        echo "cache $*" >> "$CALLS.aot"
                        [ -z "${NO_AOT:-}" ] || { echo "Error: cannot write a cache"; exit 1; }
                        echo cache > "${word#*=}"
                        exit 0 ;;
                    esac
                done
                echo "NAME $*"
                """.replace("NAME", name));
        executable(home.resolve("bin/java"));
        return home;
    }

    private static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    private static void executable(Path file) throws IOException {
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private Shell.Result stoa(Map<String, String> env, String... args) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder();
        builder.command().add(root.resolve("stoa").toString());
        builder.command().addAll(java.util.List.of(args));
        builder.environment().clear();
        builder.environment().put("PATH", folder.resolve("bin") + ":" + jdk17.resolve("bin") + ":/usr/bin:/bin");
        builder.environment().put("CALLS", folder.resolve("calls").toString());
        builder.environment().put("STOA_JDK_FOLDERS", "/nonexistent");
        builder.environment().putAll(env);
        Path out = folder.resolve("out");
        Path err = folder.resolve("err");
        Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
        int exit = process.waitFor();
        return new Shell.Result(exit, Files.readString(out, StandardCharsets.UTF_8), Files.readString(err, StandardCharsets.UTF_8));
    }

    private long builds() throws IOException {
        Path calls = folder.resolve("calls");
        return Files.exists(calls) ? Files.readAllLines(calls).size() : 0;
    }

    @Test
    void buildsOnFirstUseWithTheJdkItFoundThenStarts() throws Exception {
        Shell.Result result = stoa(Map.of("STOA_JAVA", jdk25.toString()), "run", "a b", "--x");
        assertThat(result.exit()).as(result.err()).isZero();
        assertThat(result.out()).startsWith("jdk25 --add-modules jdk.incubator.vector -XX:AOTCache=" + root).contains(" --enable-native-access=ALL-UNNAMED")
                .contains("-Xmx1g").endsWith("dev.stoa.cli.Main run a b --x\n");
        assertThat(result.err().lines()).hasSize(2);
        assertThat(result.err()).contains("building (first use").contains("done in").contains("preparing quick starts");
        assertThat(Files.readString(folder.resolve("calls"))).contains("built with " + jdk25).contains("-Dquick").contains("package");
    }

    @Test
    void buildsAgainOnlyWhenASourceIsNewer() throws Exception {
        Map<String, String> env = Map.of("STOA_JAVA", jdk25.toString());
        stoa(env, "version");
        stoa(env, "version");
        assertThat(builds()).isEqualTo(1);
        Files.setLastModifiedTime(root.resolve("engine/src/main/java/A.java"), FileTime.from(Instant.now().plusSeconds(5)));
        Shell.Result result = stoa(env, "version");
        assertThat(builds()).isEqualTo(2);
        assertThat(result.err()).contains("sources changed");
    }

    private long caches() throws IOException {
        Path calls = folder.resolve("calls.aot");
        return Files.exists(calls) ? Files.readAllLines(calls).size() : 0;
    }

    @Test
    void theStartCacheIsMadeOncePerBuildAndJdk() throws Exception {
        Map<String, String> env = Map.of("STOA_JAVA", jdk25.toString());
        stoa(env, "version");
        assertThat(stoa(env, "version").err()).isEmpty();
        assertThat(caches()).isEqualTo(1);
        stoa(Map.of("STOA_JAVA", jdk("jdk26", "26").toString()), "version");
        assertThat(caches()).isEqualTo(2);
        write(root.resolve("app/target/stoa/lib/app-1.jar"), "");
        Files.setLastModifiedTime(root.resolve("app/target/stoa/lib/app-1.jar"), FileTime.from(Instant.now().plusSeconds(5)));
        stoa(env, "version");
        assertThat(caches()).isEqualTo(3);
    }

    @Test
    void aCacheThatCannotBeMadeIsSaidOnceAndTheProgramStarts() throws Exception {
        Map<String, String> env = Map.of("STOA_JAVA", jdk25.toString(), "NO_AOT", "1");
        Shell.Result first = stoa(env, "version");
        assertThat(first.exit()).isZero();
        assertThat(first.err()).contains("not possible here: Error: cannot write a cache");
        assertThat(first.out()).endsWith("Main version\n").doesNotContain("-XX:AOTCache");
        Shell.Result second = stoa(env, "version");
        assertThat(second.err()).isEmpty();
        assertThat(second.out()).endsWith("Main version\n").doesNotContain("-XX:AOTCache");
        assertThat(caches()).isEqualTo(1);
    }

    @Test
    void startsWithoutTheCacheWhereItIsNotWanted() throws Exception {
        Map<String, String> off = Map.of("STOA_JAVA", jdk25.toString(), "STOA_AOT", "off");
        assertThat(stoa(off, "version").out()).doesNotContain("AOT");
        Map<String, String> own = Map.of("STOA_JAVA", jdk25.toString(), "STOA_JAVA_OPTS", "-XX:AOTMode=off");
        assertThat(stoa(own, "version").out()).contains("-XX:AOTMode=off").doesNotContain("-XX:AOTCache");
        assertThat(stoa(Map.of("STOA_JAVA", jdk25.toString()), "help").out()).doesNotContain("AOT");
        assertThat(caches()).isZero();
    }

    @Test
    void aJarThatMavenBuiltNeedsNoSecondBuild() throws Exception {
        write(root.resolve("app/target/stoa/lib/app-1.jar"), "");
        Files.setLastModifiedTime(root.resolve("app/target/stoa/lib/app-1.jar"), FileTime.from(Instant.now().plusSeconds(5)));
        stoa(Map.of("STOA_JAVA", jdk25.toString()), "version");
        assertThat(builds()).isZero();
    }

    @Test
    void takesJdksInTheDocumentedOrderAndSkipsOldOnes() throws Exception {
        Path other = jdk("jdk26", "26");
        assertThat(stoa(Map.of("STOA_JAVA", jdk25.resolve("bin/java").toString(), "JAVA25_HOME", other.toString())).out()).startsWith("jdk25");
        assertThat(stoa(Map.of("JAVA25_HOME", other.toString(), "JAVA_HOME", jdk25.toString())).out()).startsWith("jdk26");
        assertThat(stoa(Map.of("JAVA25_HOME", jdk17.toString(), "JAVA_HOME", jdk25.toString())).out()).startsWith("jdk25");
        assertThat(stoa(Map.of("STOA_JDK_FOLDERS", jdk17 + " " + other)).out()).startsWith("jdk26");
    }

    @Test
    void withoutANewEnoughJdkItNamesWhatItFound() throws Exception {
        Shell.Result result = stoa(Map.of());
        assertThat(result.exit()).isEqualTo(3);
        assertThat(result.err()).contains("needs JDK 25 or newer; found only Java 17").contains("STOA_JAVA");
        assertThat(builds()).isZero();
        assertThat(stoa(Map.of("STOA_JAVA", jdk17.toString())).err()).contains("STOA_JAVA is set to").contains("Java 17");
    }

    @Test
    void aFailedBuildSaysWhyAndLeavesNothingThatLooksBuilt() throws Exception {
        Map<String, String> env = Map.of("STOA_JAVA", jdk25.toString(), "BREAK", "1");
        Shell.Result result = stoa(env, "version");
        assertThat(result.exit()).isEqualTo(3);
        assertThat(result.err()).contains("cannot find symbol").contains("build.log");
        assertThat(result.out()).isEmpty();
        assertThat(stoa(Map.of("STOA_JAVA", jdk25.toString()), "version").exit()).isZero();
    }

    @Test
    void extraOptionsComeAfterTheDefaultsAndComputeFreeVerbsSkipTheVectorModule() throws Exception {
        String out = stoa(Map.of("STOA_JAVA", jdk25.toString(), "STOA_JAVA_OPTS", "-Xmx4g -Dx=1"), "ps").out();
        assertThat(out).contains("-Xmx4g -Dx=1 -cp").doesNotContain("--add-modules");
        assertThat(out.indexOf("-Xmx4g")).isGreaterThan(out.indexOf("-Xmx1g"));
    }
}
