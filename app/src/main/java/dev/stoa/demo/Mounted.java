// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.adapter.Adapter;
import dev.stoa.generate.AdapterPool;
import java.io.IOException;

/// Adapters of the demo in the engine's pool, loaded once.
final class Mounted {
    private Mounted() {}

    /// The trained expert of that name.
    static Adapter load(Workbench bench, String name) throws IOException {
        AdapterPool pool = bench.engine().adapters();
        Adapter known = pool.find(name);
        return known != null ? known : pool.load(name, bench.adapter(name));
    }
}
