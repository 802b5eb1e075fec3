// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

/// A tensor that does not fit what a config asks for, by its canonical name.
public record TensorProblem(Kind kind, String tensor, String got, String expected) {
    /// What is wrong with it.
    public enum Kind { MISSING, UNEXPECTED, SHAPE, TYPE, TWICE }

    @Override
    public String toString() {
        return switch (kind) {
            case MISSING -> tensor + " is missing, expected " + expected;
            case UNEXPECTED -> tensor + " " + got + " is not used by this model";
            case SHAPE -> tensor + " is " + got + ", expected " + expected;
            case TYPE -> tensor + " has type " + got + ", which cannot be used here";
            case TWICE -> got + " is there twice, in different forms";
        };
    }
}
