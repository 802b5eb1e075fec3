// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;

/// The text of a template, and faults at its places.
record Source(String text) {
    /// A fault at a character offset, shown as line:column with the line itself.
    FaultException fault(int offset, String what, Object... args) {
        return at(Fault.of(EngineFault.TEMPLATE_INVALID, what, args), offset)
                .next("correct the template, or use another one").exception();
    }

    /// What `raise_exception` of the template says.
    FaultException raised(int offset, String message) {
        return at(Fault.of(EngineFault.TEMPLATE_RAISED, "%s", message), offset)
                .next("change the conversation as the template asks").exception();
    }

    private Fault at(Fault fault, int offset) {
        int end = Math.clamp(offset, 0, text.length());
        int line = 1;
        int start = 0;
        for (int i = text.indexOf('\n'); i >= 0 && i < end; i = text.indexOf('\n', i + 1)) {
            line++;
            start = i + 1;
        }
        int stop = text.indexOf('\n', end);
        String shown = text.substring(start, stop < 0 ? text.length() : stop).strip();
        String clipped = shown.length() <= 100 ? shown : shown.substring(0, 100) + "...";
        return fault.where("chat template:" + line + ":" + (end - start + 1)).got(clipped);
    }
}
