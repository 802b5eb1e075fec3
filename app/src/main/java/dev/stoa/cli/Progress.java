// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import java.util.Locale;

/// One progress line on stderr: name, bar, done/total, rate, remaining time. On a terminal it redraws at most ten
/// times a second and erases itself at the end; elsewhere it prints one line per tenth. Thread-safe.
final class Progress implements AutoCloseable {
    private static final String EIGHTHS = " ▏▎▍▌▋▊▉█";
    private static final int BAR = 16;
    private static final long REDRAW_NANOS = 100_000_000;

    private final Terminal terminal;
    private final boolean silent;
    private final String name;
    private final long total;
    private final String unit;
    private final long startNanos = System.nanoTime();
    private long lastDrawNanos;
    private int lastTenth;
    private boolean drawn;
    private long firstDone = -1;
    private long firstNanos;

    Progress(Terminal terminal, boolean silent, String name, long total, String unit) {
        this.terminal = terminal;
        this.silent = silent;
        this.name = name;
        this.total = Math.max(1, total);
        this.unit = unit;
    }

    /// Reports how much is done, with a short note (loss, file name) shown at the end of the line.
    synchronized void update(long done, String note) {
        if (silent) return;
        long now = System.nanoTime();
        if (firstDone < 0) {                    // a resumed job starts above zero: rate counts from here
            firstDone = done;
            firstNanos = done == 0 ? startNanos : now;
        }
        if (terminal.errIsTerminal()) {
            if (drawn && now - lastDrawNanos < REDRAW_NANOS && done < total) return;
            lastDrawNanos = now;
            drawn = true;
            String line = text(done, now, note, true);
            int room = terminal.width() - 1;
            terminal.err().print("\r" + (line.length() > room ? line.substring(0, room) : line) + "\033[K");
            terminal.err().flush();
        } else {
            int tenth = (int) (10 * done / total);
            if (tenth <= lastTenth) return;
            lastTenth = tenth;
            terminal.err().println(text(done, now, note, false));
        }
    }

    private String text(long done, long now, String note, boolean bar) {
        double seconds = (now - firstNanos) / 1e9;
        double rate = seconds > 0 ? (done - firstDone) / seconds : 0;
        String remaining = rate > 0 ? duration((total - done) / rate) : "–";
        StringBuilder line = new StringBuilder(name).append(' ');
        if (bar) line.append(bar(done)).append(' ');
        line.append("%3d %%  ".formatted(100 * done / total)).append(done).append('/').append(total).append(' ').append(unit);
        if (rate > 0) line.append(String.format(Locale.ROOT, "  %s/s", rate >= 10 ? "%.0f".formatted(rate) : "%.1f".formatted(rate)));
        line.append("  eta ").append(remaining);
        if (note != null && !note.isEmpty()) line.append("  ").append(note);
        return line.toString();
    }

    private String bar(long done) {
        if (!terminal.utf8()) {
            int full = (int) (BAR * done / total);
            return "[" + "#".repeat(full) + ".".repeat(BAR - full) + "]";
        }
        long eighths = BAR * 8L * done / total;
        StringBuilder cells = new StringBuilder();
        for (int cell = 0; cell < BAR; cell++) {
            cells.append(EIGHTHS.charAt(Math.clamp(eighths - cell * 8L, 0, 8)));
        }
        return "▕" + cells + "▏";
    }

    /// `8 s`, `2 m 05 s`, `1 h 12 m`.
    static String duration(double seconds) {
        long whole = Math.max(0, Math.round(seconds));
        if (whole < 60) return whole + " s";
        if (whole < 3600) return "%d m %02d s".formatted(whole / 60, whole % 60);
        return "%d h %02d m".formatted(whole / 3600, whole % 3600 / 60);
    }

    /// Erases the line.
    @Override
    public synchronized void close() {
        if (drawn) {
            terminal.err().print("\r\033[K");
            terminal.err().flush();
            drawn = false;
        }
    }
}
