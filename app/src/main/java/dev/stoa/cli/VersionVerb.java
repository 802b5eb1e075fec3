// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.serve.Version;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/// `stoa version`: version, JDK and vector width, one per line.
@Command(name = "version", description = "Show version, JDK and vector width.", sortOptions = false)
final class VersionVerb implements Callable<Integer> {
    private final Session session;

    VersionVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() {
        Console console = session.console("version");
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("stoa", Version.STOA);
        facts.put("java", Runtime.version().toString() + " (" + System.getProperty("java.vendor") + ")");
        facts.put("system", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        facts.forEach((name, value) -> console.line("%-8s %s", name, value));
        console.result(facts);
        return ExitCode.DONE.number;
    }
}
