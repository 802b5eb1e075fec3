// SPDX-License-Identifier: Apache-2.0
/// The offline demo world: a generated corpus with planted truth, in which every claim can be checked.
package dev.stoa.eval.world;
