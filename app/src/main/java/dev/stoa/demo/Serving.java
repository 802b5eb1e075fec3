// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.library.Library;
import dev.stoa.memory.EmbeddedMemory;
import dev.stoa.route.MetaRouter;
import dev.stoa.route.RoutedExpert;
import dev.stoa.route.RouterState;
import dev.stoa.serve.BaseModel;
import dev.stoa.serve.Server;
import dev.stoa.serve.expert.Expert;
import dev.stoa.serve.expert.LibraryFollower;
import dev.stoa.serve.expert.PoolExperts;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// The demo's server with everything behind it: base, experts of the library, router, memory. Closing it closes all.
final class Serving implements AutoCloseable {
    private final BaseModel model;
    private final Library library;
    private final EmbeddedMemory memory;
    private final PoolExperts experts;
    private final LibraryFollower follower;
    private final Server server;

    private Serving(BaseModel model, Library library, EmbeddedMemory memory, PoolExperts experts, LibraryFollower follower, Server server) {
        this.model = model;
        this.library = library;
        this.memory = memory;
        this.experts = experts;
        this.follower = follower;
        this.server = server;
    }

    /// Starts on `port` (0 for any). `serve` tells per domain whether an expert or the base alone answers.
    static Serving start(Workbench bench, RouterState fitted, Map<String, String> serve, int port) throws IOException {
        BaseModel model = BaseModel.open(bench.loadConfig(), "stoa-demo-base");
        PoolExperts experts = new PoolExperts(model.engine().adapters());
        Library library = Library.open(bench.library());
        EmbeddedMemory memory = EmbeddedMemory.open(memory(bench), MemoryPhase.settings());
        MetaRouter router = new MetaRouter(fitted);
        LibraryFollower follower = new LibraryFollower(library, experts, mounted -> router.update(state -> state.withRoster(roster(serve, mounted))));
        router.update(state -> state.withRoster(roster(serve, experts.list())));
        Server server = Server.start(model.backend(experts, router, memory), Server.Config.loopback(port));
        return new Serving(model, library, memory, experts, follower, server);
    }

    /// Where the server of this demo remembers.
    static Path memory(Workbench bench) {
        return bench.options.out().resolve("serve-memory");
    }

    /// Each domain's expert where one is mounted and the policy says so, else the base.
    private static Map<String, RoutedExpert> roster(Map<String, String> serve, List<Expert> mounted) {
        Map<String, RoutedExpert> roster = new TreeMap<>();
        serve.forEach((domain, how) -> roster.put(domain, RoutedExpert.baseOnly(domain)));
        for (Expert expert : mounted) {
            if ("expert".equals(serve.get(expert.name()))) {
                roster.put(expert.name(), RoutedExpert.served(expert.name(), expert.version(), expert.hash()));
            }
        }
        return roster;
    }

    BaseModel model() {
        return model;
    }

    Library library() {
        return library;
    }

    PoolExperts experts() {
        return experts;
    }

    LibraryFollower follower() {
        return follower;
    }

    String url() {
        return server.url();
    }

    @Override
    public void close() throws IOException {
        server.close();
        follower.close();
        memory.close();
        library.close();
        model.close();
    }
}
