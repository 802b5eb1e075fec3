// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.util.List;

/// Ids in the order episodes then facts of the batch, and the log position of its last record.
public record AppendAck(List<String> ids, long seq, AppendBatch.Durability durability) {
    public AppendAck {
        ids = List.copyOf(ids);
    }
}
