// SPDX-License-Identifier: Apache-2.0
/// Our own C kernels behind the foreign function interface, for the few operations that pay; the rest is `kernel.vector`.
package dev.stoa.kernel.foreign;
