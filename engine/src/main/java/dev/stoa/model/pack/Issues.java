// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.pack;

import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.model.pack.PackIssue.Code;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/// The problems found so far. One inspection, one thread.
final class Issues {
    private static final int LONGEST = 300;
    private final List<PackIssue> all = new ArrayList<>();

    /// A step of an inspection that may refuse what it reads.
    @FunctionalInterface
    interface Step<T> {
        T take() throws IOException;
    }

    void add(Code code, String file, String tensor, Object got, Object expected, String fix) {
        all.add(new PackIssue(code, code.severity(), file, tensor, clip(String.valueOf(got)), clip(String.valueOf(expected)), fix));
    }

    /// The step's result, or null after its refusal became issues with `code`, one for each thing it lists.
    <T> T attempt(Code code, String file, Step<T> step) throws IOException {
        try {
            return step.take();
        } catch (FaultException refused) {
            refused(code, file, refused.fault());
            return null;
        }
    }

    void refused(Code code, String file, Fault fault) {
        String got = fault.got() == null ? fault.what() : fault.what() + ": " + fault.got();
        String expected = fault.expected() == null ? "what the format asks for" : fault.expected();
        String fix = fault.next() == null ? "correct the file, or fetch it again" : fault.next();
        if (fault.issues().isEmpty()) add(code, file, null, got, expected, fix);
        for (String issue : fault.issues()) add(code, file, null, issue, expected, fix);
    }


    List<PackIssue> all() {
        return all;
    }

    private static String clip(String text) {
        return text.length() <= LONGEST ? text : text.substring(0, LONGEST) + "…";
    }
}
