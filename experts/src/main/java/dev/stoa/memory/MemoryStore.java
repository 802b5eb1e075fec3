// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.io.IOException;
import java.util.List;

/// Memory of many tenants, none of which can see another. Thread-safe; a caller reads its own writes.
///
/// Payloads are not encrypted on disk yet: protect the directory.
public interface MemoryStore extends AutoCloseable {
    AppendAck append(TenantContext tenant, AppendBatch batch) throws IOException;

    RecallResult recall(TenantContext tenant, RecallQuery query);

    List<Fact> facts(TenantContext tenant, FactQuery query) throws IOException;

    /// Synchronous: no later recall returns a forgotten item.
    ForgetCertificate forget(TenantContext tenant, ForgetSelector selector, ForgetMode mode) throws IOException;

    MemoryStats stats(TenantContext tenant) throws IOException;

    @Override
    void close() throws IOException;
}
