// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Resident memory of this process as the operating system counts it (Linux; -1 elsewhere).
final class ProcessMemory {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path CLEAR = Path.of("/proc/self/clear_refs");

    private ProcessMemory() {}

    /// Highest resident size since the start or the last [#resetPeak], in bytes.
    static long peakBytes() {
        try {
            for (String line : Files.readAllLines(STATUS)) {
                if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
            }
        } catch (IOException | NumberFormatException e) {
            return -1;
        }
        return -1;
    }

    /// Starts a new peak measurement where the system allows it; otherwise the peak stays that of the process.
    static void resetPeak() {
        try {
            Files.writeString(CLEAR, "5");
        } catch (IOException e) {
            // Not Linux or not permitted: peaks are then cumulative, which can only overstate a phase.
            return;
        }
    }
}
