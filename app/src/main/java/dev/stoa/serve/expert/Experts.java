// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.expert;

import dev.stoa.adapter.Adapter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// The named experts of a server. Thread-safe. A name can be pointed at another version at any time; requests in
/// flight finish on the adapter they hold.
public interface Experts {
    /// By name.
    List<Expert> list();

    Optional<Expert> find(String name);

    /// Pins the adapter behind a name until the hold is closed; empty when the name is unknown.
    Optional<Hold> acquire(String name);

    /// Reads, checks and mounts an adapter directory under a name, replacing what was there. Nothing changes when
    /// it is refused. `version` may be empty.
    Expert load(String name, String version, Path directory, String source) throws IOException;

    /// Takes a name away; memory is freed when the last request in flight is done. False when it was not there.
    boolean unload(String name);

    /// An adapter in use.
    interface Hold extends AutoCloseable {
        Expert expert();

        Adapter adapter();

        @Override
        void close();
    }
}
