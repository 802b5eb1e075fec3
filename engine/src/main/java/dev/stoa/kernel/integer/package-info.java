// SPDX-License-Identifier: Apache-2.0
/// Block-quantized weights in the order that integer kernels read them; shared by the providers that have such kernels.
package dev.stoa.kernel.integer;
