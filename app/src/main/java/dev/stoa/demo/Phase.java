// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

/// One step of the demo. Its result is a record that is stored as JSON, so a finished phase is not run again;
/// files it leaves behind go below the output directory and are complete before the result is stored.
interface Phase<R extends Record> {
    /// File-name-safe, unique.
    String name();

    /// What the user reads while it runs.
    String title();

    /// Seconds the phase should take on two cores; twice that is marked slow in the report.
    int budgetSeconds();

    Class<R> resultType();

    R run(Workbench bench) throws Exception;

    /// Whether what a stored result points to is still there.
    default boolean present(R result) {
        return true;
    }
}
