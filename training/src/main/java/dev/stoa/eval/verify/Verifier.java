// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

/// Judges one-line answers of one family by what they mean, not by their letters. Stateless and thread-safe.
public interface Verifier {
    String id();

    /// Whether the candidate means the same as the reference. Candidates are hostile: any text gives a verdict, in time
    /// linear in its length. A reference that does not parse is a bug of the caller.
    Verdict verify(String reference, String candidate);
}
