// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa stop [PID|PORT]`: ends a server after its requests in flight.
@Command(name = "stop", sortOptions = false, description = "Stop a running server.",
        footer = {"", "Examples:", "  stoa stop", "  stoa stop 8000", "  stoa stop 8000 --now"})
final class StopVerb implements Callable<Integer> {
    private static final int PATIENCE_SECONDS = 20;
    private final Session session;

    @Parameters(paramLabel = "PID|PORT", arity = "0..1", description = "Which one; not needed when only one runs.")
    private Long which;

    @Option(names = "--now", description = "Do not wait for requests in flight.")
    private boolean now;

    StopVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        Console console = session.console("stop");
        Home home = Home.of(session.terminal);
        Home.Running server = choose(home.servers());
        Optional<ProcessHandle> process = ProcessHandle.of(server.pid());
        if (process.isPresent()) {
            if (now) process.get().destroyForcibly();
            else process.get().destroy();
            await(process.get());
        }
        home.forget(server.pid());
        console.line("stopped pid %d, port %d, %s", server.pid(), server.port(), server.model());
        console.result(Map.of("pid", server.pid(), "port", server.port(), "model", server.model()));
        return ExitCode.DONE.number;
    }

    private Home.Running choose(List<Home.Running> servers) {
        if (servers.isEmpty()) throw Fault.of(AppFault.NO_SERVER, "no server is running").next("stoa serve MODEL").exception();
        if (which == null) {
            if (servers.size() == 1) return servers.getFirst();
            throw Fault.of(AppFault.USAGE, "%d servers are running", servers.size())
                    .expected("one of the ports " + servers.stream().map(one -> Integer.toString(one.port())).toList())
                    .next("stoa stop " + servers.getFirst().port()).exception();
        }
        for (Home.Running server : servers) {
            if (server.pid() == which || server.port() == which) return server;
        }
        throw Fault.of(AppFault.NO_SERVER, "no server with pid or port %d", which).next("stoa ps").exception();
    }

    private static void await(ProcessHandle process) throws InterruptedException {
        try {
            process.onExit().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException stubborn) {
            process.destroyForcibly();
        } catch (ExecutionException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
