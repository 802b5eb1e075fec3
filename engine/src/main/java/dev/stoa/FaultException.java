// SPDX-License-Identifier: Apache-2.0
package dev.stoa;

/// The bytes, the configuration or the combination are wrong; trying again cannot help.
/// (`IOException` may succeed again; `IllegalArgumentException` is a bug in the calling code.)
public final class FaultException extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private final transient Fault fault;

    FaultException(Fault fault, Throwable cause) {
        super(fault.oneLine(), cause);
        this.fault = fault;
    }

    public Fault fault() {
        return fault;
    }
}
