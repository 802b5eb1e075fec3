// SPDX-License-Identifier: Apache-2.0
/// Verifiers of short formal answers, one per family, and the audit that decides whether to trust one.
package dev.stoa.eval.verify;
