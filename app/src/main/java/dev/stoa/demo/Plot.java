// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import java.util.List;
import java.util.Locale;

/// A line chart as self-contained SVG: no script, colors from the page's custom properties.
public record Plot(String title, String xLabel, String yLabel, List<Series> series) {
    public record Series(String name, List<Double> x, List<Double> y) {}

    private static final int WIDTH = 640, HEIGHT = 280, LEFT = 56, RIGHT = 16, TOP = 12, BOTTOM = 40;

    String svg() {
        double x0 = bound(true, true), x1 = bound(true, false), y0 = Math.min(0, bound(false, true)), y1 = bound(false, false);
        if (x1 <= x0) x1 = x0 + 1;
        if (y1 <= y0) y1 = y0 + 1;
        StringBuilder out = new StringBuilder();
        out.append(format("<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">", WIDTH, HEIGHT, ReportPage.escape(title)));
        for (int i = 0; i <= 4; i++) {
            double value = y0 + (y1 - y0) * i / 4, y = y(value, y0, y1);
            out.append(format("<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, WIDTH - RIGHT, y, y));
            out.append(format("<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>", LEFT - 6, y + 4, number(value)));
            double at = x0 + (x1 - x0) * i / 4;
            out.append(format("<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>",
                    x(at, x0, x1), HEIGHT - BOTTOM + 16, number(at)));
        }
        out.append(format("<text class=\"tick\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>",
                (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, ReportPage.escape(xLabel)));
        for (int s = 0; s < series.size(); s++) {
            Series line = series.get(s);
            StringBuilder points = new StringBuilder();
            for (int i = 0; i < line.x().size(); i++) {
                points.append(format("%.1f,%.1f ", x(line.x().get(i), x0, x1), y(line.y().get(i), y0, y1)));
            }
            out.append(format("<polyline class=\"line s%d\" points=\"%s\"/>", s % 8, points));
        }
        out.append("</svg><p class=\"legend\">").append(ReportPage.escape(yLabel)).append(": ");
        for (int s = 0; s < series.size(); s++) {
            out.append(format("<span class=\"key s%d\">%s</span> ", s % 8, ReportPage.escape(series.get(s).name())));
        }
        return out.append("</p>").toString();
    }

    private double bound(boolean horizontal, boolean low) {
        return series.stream().flatMap(line -> (horizontal ? line.x() : line.y()).stream()).mapToDouble(Double::doubleValue)
                .reduce(low ? Math::min : Math::max).orElse(0);
    }

    private static double x(double value, double from, double to) {
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - from) / (to - from);
    }

    private static double y(double value, double from, double to) {
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - from) / (to - from);
    }

    private static String number(double value) {
        return Math.abs(value) >= 100 || value == Math.rint(value) ? format("%.0f", value) : format("%.2f", value);
    }

    private static String format(String pattern, Object... args) {
        return String.format(Locale.ROOT, pattern, args);
    }
}
