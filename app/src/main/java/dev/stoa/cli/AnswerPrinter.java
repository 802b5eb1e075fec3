// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

/// Prints an answer as it comes: text as it is, reasoning dim beside it (on stderr) or not at all, each call of a tool on a
/// line of its own.
final class AnswerPrinter implements AnswerParts.Listener {
    private final Console console;
    private final boolean thinking;
    private boolean thought;
    private boolean lineOpen;

    AnswerPrinter(Console console, SamplingOptions.Thinking thinking) {
        this.console = console;
        this.thinking = thinking == SamplingOptions.Thinking.SHOW;
    }

    @Override
    public void text(String piece) {
        if (thought) console.whisper("\n");
        thought = false;
        write(piece);
    }

    @Override
    public void reasoning(String piece) {
        if (!thinking) return;
        console.whisper(piece);
        thought = true;
    }

    @Override
    public void call(String name, String arguments) {
        if (lineOpen) write("\n");
        write(console.paintData(Console.Ink.BLUE, "call " + name) + " " + arguments + "\n");
    }

    @Override
    public void unreadable(String why) {
        console.warn("what follows looks like a tool call and cannot be read: %s", why);
    }

    private void write(String piece) {
        if (piece.isEmpty()) return;
        console.write(piece);
        lineOpen = !piece.endsWith("\n");
    }
}
