// SPDX-License-Identifier: Apache-2.0
package dev.stoa.optim;

/// Learning rate as a factor of its peak, in optimizer steps: for t < warmup (t + 1) / warmup, then down to `end` at
/// `steps` in the given shape; with the cosine that is end + (1 - end) (1 + cos(pi (t - warmup) / (steps - warmup))) / 2.
///
/// A run that may end early lands: from step `landing` (-1 for never) the factor goes from its value there to `end`
/// by a cosine over `landingSteps`.
public record Schedule(Shape shape, int warmup, int steps, double end, int landing, int landingSteps) {
    public enum Shape { CONSTANT, LINEAR, COSINE }

    public Schedule {
        if (warmup < 0 || steps < 1 || warmup > steps || !(end >= 0 && end <= 1)) {
            throw new IllegalArgumentException("warmup " + warmup + ", steps " + steps + ", end " + end);
        }
        if (landing >= 0 && landingSteps < 1) throw new IllegalArgumentException("landing over " + landingSteps + " steps");
    }

    public Schedule(Shape shape, int warmup, int steps, double end) {
        this(shape, warmup, steps, end, -1, 0);
    }

    public static Schedule cosine(int warmup, int steps, double end) {
        return new Schedule(Shape.COSINE, warmup, steps, end);
    }

    /// Ends `more` steps after `step`, never later than planned; a run that lands already stays on its course.
    public Schedule land(int step, int more) {
        if (landing >= 0) return this;
        return new Schedule(shape, warmup, steps, end, step, Math.max(1, Math.min(more, steps - step)));
    }

    /// Steps until the end of the run.
    public int length() {
        return landing < 0 ? steps : Math.min(steps, landing + landingSteps);
    }

    /// Factor on the peak rate at step t, counted from 0.
    public double factor(int t) {
        if (landing < 0 || t < landing) return planned(t);
        double from = planned(landing), share = Math.min(1, (double) (t - landing) / landingSteps);
        return end + 0.5 * (from - end) * (1 + Math.cos(Math.PI * share));
    }

    private double planned(int t) {
        if (t < warmup) return (t + 1.0) / warmup;
        double share = steps == warmup ? 1 : Math.min(1, (double) (t - warmup) / (steps - warmup));
        return switch (shape) {
            case CONSTANT -> 1;
            case LINEAR -> 1 + share * (end - 1);
            case COSINE -> end + 0.5 * (1 - end) * (1 + Math.cos(Math.PI * share));
        };
    }
}
