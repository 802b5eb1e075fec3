// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `stoa expert …`: the life of an expert.
@Command(name = "expert", sortOptions = false, synopsisSubcommandLabel = "VERB", description = "Train, check, publish and roll back experts.")
final class ExpertVerb implements Callable<Integer> {
    private final Session session;

    @Spec
    private CommandSpec spec;

    ExpertVerb(Session session) {
        this.session = session;
    }

    static CommandLine commandLine(Session session) {
        return new CommandLine(new ExpertVerb(session))
                .addSubcommand(new ExpertTrainVerb(session)).addSubcommand(new ExpertEvalVerb(session))
                .addSubcommand(new ExpertGateVerb(session)).addSubcommand(new ExpertPublishVerb(session))
                .addSubcommand(new ExpertRollbackVerb(session)).addSubcommand(new ExpertLsVerb(session));
    }

    @Override
    public Integer call() {
        spec.commandLine().usage(session.terminal.out());
        return ExitCode.USAGE.number;
    }
}
