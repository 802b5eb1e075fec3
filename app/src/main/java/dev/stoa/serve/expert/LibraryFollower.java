// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.expert;

import dev.stoa.FaultException;
import dev.stoa.library.Active;
import dev.stoa.library.Library;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Keeps the mounted experts equal to the library's active versions: whoever publishes or rolls back, also from another
/// process, is followed within half a second while requests run. An expert that cannot be mounted stays at what it
/// was, and the problem is told in [#problems].
public final class LibraryFollower implements AutoCloseable {
    public static final String SOURCE = "library";
    private static final long POLL_MS = 500;
    private static final System.Logger LOG = System.getLogger("dev.stoa.serve");

    /// Told after the mounted experts changed.
    public interface Listener {
        void changed(List<Expert> experts);
    }

    private final Library library;
    private final Experts experts;
    private final Listener listener;
    private final Map<String, String> mounted = new LinkedHashMap<>();
    private volatile Map<String, String> problems = Map.of();
    private volatile boolean closed;
    private long seenGeneration = -1;
    private final Thread thread;

    /// Mounts what is active now, then follows. The library stays the caller's.
    public LibraryFollower(Library library, Experts experts, Listener listener) throws IOException {
        this.library = library;
        this.experts = experts;
        this.listener = listener;
        follow();
        thread = Thread.ofVirtual().name("library-follower").start(this::run);
    }

    private void run() {
        while (!closed) {
            try {
                Thread.sleep(POLL_MS);
                follow();
            } catch (InterruptedException closing) {
                return;
            } catch (IOException | RuntimeException unreadable) {
                LOG.log(System.Logger.Level.WARNING, "event=library unreadable: " + unreadable.getMessage());
            }
        }
    }

    /// Looks once; also called by whoever just changed the library and does not want to wait.
    public synchronized void follow() throws IOException {
        long generation = library.generation();
        if (generation == seenGeneration) return;
        Map<String, Active> actives = library.actives();
        Map<String, String> failed = new LinkedHashMap<>();
        boolean changed = false;
        for (Map.Entry<String, Active> active : actives.entrySet()) {
            String name = active.getKey();
            String manifest = active.getValue().manifest();
            if (manifest == null || manifest.equals(mounted.get(name))) continue;
            try {
                Path directory = library.materialize(name, active.getValue().version());
                experts.load(name, active.getValue().version(), directory, SOURCE);
                mounted.put(name, manifest);
                changed = true;
            } catch (IOException | FaultException refused) {
                LOG.log(System.Logger.Level.WARNING, "event=mount expert=" + name + " refused: " + refused.getMessage());
                failed.put(name, refused.getMessage());
            }
        }
        for (String name : List.copyOf(mounted.keySet())) {
            Active active = actives.get(name);
            if (active != null && active.manifest() != null) continue;
            mounted.remove(name);
            changed |= experts.unload(name);
        }
        problems = Map.copyOf(failed);
        seenGeneration = generation;
        if (changed) listener.changed(experts.list());
    }

    /// Experts that could not be mounted, one sentence each.
    public List<String> problems() {
        List<String> all = new ArrayList<>();
        problems.forEach((name, why) -> all.add("expert " + name + ": " + why));
        return all;
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
    }
}
