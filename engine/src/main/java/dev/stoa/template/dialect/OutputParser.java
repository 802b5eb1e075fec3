// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template.dialect;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/// Separates a streamed answer into text, reasoning and tool calls. The longest end of the text that may still become a
/// marker is held back, so how the stream is cut makes no difference; a tool call is handed out when its block closes.
/// The raw parts of all pieces together are the answer as written. One thread at a time.
///
/// A block that opens inside another one closes that one first; markers where none belongs are stray: counted, never
/// visible. Special tokens must arrive as their text.
public final class OutputParser {
    private static final String ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    private enum State { OUTSIDE, REASONING, TOOL, HEADER }

    private final Dialect dialect;
    private final ToolTypes types;
    private final ReasoningMode mode;
    private final RandomGenerator random;
    private final List<String> markers;
    private final StringBuilder held = new StringBuilder();
    private final List<Output> out = new ArrayList<>();
    private State state = State.OUTSIDE;
    private Block block;
    private String opening = "";            // the raw text that opened a tool block or a header
    private String function;                // harmony: the function of the message
    private boolean begun;
    private int scanned;                    // up to here nothing held begins a marker
    private int found;
    private int calls;
    private int nested;
    private int stray;
    private boolean truncatedReasoning;

    /// `opened` is the reasoning block the prompt left open, or null ([Dialect#opened]); `random` makes the ids of calls.
    public OutputParser(Dialect dialect, Block opened, ReasoningMode mode, ToolTypes types, RandomGenerator random) {
        this.dialect = dialect;
        this.types = types;
        this.mode = mode;
        this.random = random;
        this.markers = dialect.markers();
        if (opened != null) enterReasoning(opened);
    }

    /// What `text` makes certain; may be empty.
    public List<Output> push(String text) {
        held.append(text);
        run(false);
        return taken();
    }

    /// What is left at the end of the answer.
    public List<Output> finish() {
        run(true);
        switch (state) {
            case OUTSIDE -> { }
            case REASONING -> truncatedReasoning = true;
            case TOOL -> closeTool(drain(), "");
            case HEADER -> emit(new Output.Marker(opening + drain(), true));
        }
        state = State.OUTSIDE;
        return taken();
    }

    /// Whether the text so far ends inside reasoning.
    public boolean inReasoning() {
        return state == State.REASONING;
    }

    /// Blocks that opened inside another kind of block.
    public int nestedBlocks() {
        return nested;
    }

    /// Markers and control tokens that stood where they mean nothing.
    public int strayControlTokens() {
        return stray;
    }

    /// Whether the answer ended inside reasoning; known after [#finish].
    public boolean thinkingTruncated() {
        return truncatedReasoning;
    }

    private List<Output> taken() {
        List<Output> all = List.copyOf(out);
        out.clear();
        return all;
    }

    private String drain() {
        String all = held.toString();
        held.setLength(0);
        return all;
    }

    private void run(boolean end) {
        while (!held.isEmpty()) {
            if (state == State.OUTSIDE && !begun && dialect.bareJson() && bareJson(end)) return;
            String marker = find(end);
            if (marker == null) return;
            String before = held.substring(0, found);
            held.delete(0, found + marker.length());
            scanned = 0;
            meet(before, marker);
        }
    }

    /// An answer that begins with a brace may be a call as a whole: it waits for the end. True while it waits.
    private boolean bareJson(boolean end) {
        int first = 0;
        while (first < held.length() && Character.isWhitespace(held.charAt(first))) first++;
        if (first == held.length() && !end) return true;
        begun = first < held.length();
        if (!begun || held.charAt(first) != '{') return false;
        state = State.TOOL;
        block = new Block("{", "");
        opening = "";
        return true;
    }

    /// The next marker that counts in this state, its place in `found`; null after giving out what is certain.
    private String find(boolean end) {
        for (int at = scanned; at < held.length(); at++) {
            String longest = null;
            boolean partial = false;
            for (String marker : markers) {
                if (held.charAt(at) != marker.charAt(0) || !counts(marker) || !matches(at, marker)) continue;
                if (at + marker.length() > held.length()) partial = true;
                else if (longest == null || marker.length() > longest.length()) longest = marker;
            }
            if (partial && !end) {
                scanned = give(at) ? 0 : at;
                return null;
            }
            if (longest != null && !insideString(at)) {
                found = at;
                return longest;
            }
        }
        scanned = give(held.length()) ? 0 : held.length();
        return null;
    }

    /// Whether what is held from `at` is the marker, or its beginning.
    private boolean matches(int at, String marker) {
        int room = Math.min(marker.length(), held.length() - at);
        for (int i = 1; i < room; i++) if (held.charAt(at + i) != marker.charAt(i)) return false;
        return true;
    }

    /// In a tool block and in a header only their end counts; a new block still ends reasoning.
    private boolean counts(String marker) {
        return switch (state) {
            case OUTSIDE, REASONING -> true;
            case TOOL -> dialect.syntax() == ToolSyntax.HARMONY ? !marker.equals(Harmony.CHANNEL) && !marker.equals(Harmony.MESSAGE)
                    : block.close().isEmpty() ? dialect.controls().contains(marker) : marker.equals(block.close());
            case HEADER -> marker.equals(Harmony.MESSAGE);
        };
    }

    /// A closing marker inside a JSON string does not close.
    private boolean insideString(int at) {
        boolean json = dialect.syntax() == ToolSyntax.JSON_OR_TAGS || dialect.syntax() == ToolSyntax.JSON;
        if (state != State.TOOL || !json) return false;
        String body = held.substring(0, at);
        if (!body.stripLeading().startsWith("{") && !body.stripLeading().startsWith("[")) return false;
        boolean inside = false;
        for (int i = 0; i < body.length(); i++) {
            if (body.charAt(i) == '\\' && inside) i++;
            else if (body.charAt(i) == '"') inside = !inside;
        }
        return inside;
    }

    /// Gives out the first characters as what they are in this state; false where they must wait for a marker.
    private boolean give(int length) {
        if (state == State.TOOL || state == State.HEADER) return false;
        String text = held.substring(0, length);
        held.delete(0, length);
        content(text);
        return true;
    }

    private void content(String text) {
        if (text.isEmpty()) return;
        begun = true;
        boolean shown = state != State.REASONING || mode == ReasoningMode.SHOW;
        emit(shown ? new Output.Text(text) : new Output.Reasoning(text));
    }

    /// Neighbors of one kind become one piece.
    private void emit(Output output) {
        if (!out.isEmpty() && output instanceof Output.Text text && out.getLast() instanceof Output.Text last) {
            out.set(out.size() - 1, new Output.Text(last.raw() + text.raw()));
        } else if (!out.isEmpty() && output instanceof Output.Reasoning text && out.getLast() instanceof Output.Reasoning last) {
            out.set(out.size() - 1, new Output.Reasoning(last.raw() + text.raw()));
        } else {
            out.add(output);
        }
    }

    private void meet(String before, String marker) {
        if (state == State.TOOL) {
            boolean control = block.close().isEmpty();
            closeTool(before, control ? "" : marker);
            if (control) strayMarker(marker);
            if (marker.equals(Harmony.START)) openHeader(marker);
            return;
        }
        if (state == State.HEADER) {
            header(before, marker);
            return;
        }
        content(before);
        begun = true;
        Block tool = opens(dialect.tools(), marker);
        Block reasoning = opens(dialect.reasoning(), marker);
        if (state == State.REASONING) {
            if (block != null && marker.equals(block.close())) {
                mark(marker);
                state = State.OUTSIDE;
                return;
            }
            if (reasoning != null) {                            // the same kind does not nest: text of the reasoning
                content(marker);
                return;
            }
            if (tool != null) {
                nested++;
                state = State.OUTSIDE;
            }
        }
        if (tool != null) {
            state = State.TOOL;
            block = tool;
            // `<function=` is part of what is read
            opening = tool.open().endsWith("=") ? "" : marker;
            if (opening.isEmpty()) held.insert(0, marker);
        } else if (reasoning != null) {
            enterReasoning(reasoning);
            mark(marker);
        } else if (marker.equals(Harmony.START) || marker.equals(Harmony.CHANNEL)) {
            openHeader(marker);
        } else {
            boolean ends = dialect.syntax() == ToolSyntax.HARMONY && !marker.equals(Harmony.MESSAGE);
            if (!ends) strayMarker(marker);
            else emit(new Output.Marker(marker, false));
            if (ends) state = State.OUTSIDE;
        }
    }

    private void strayMarker(String marker) {
        stray++;
        emit(new Output.Marker(marker, true));
    }

    /// Text that may hold control tokens, which stay invisible.
    private void visible(String text) {
        int at = 0;
        for (int i = 0; i < text.length(); i++) {
            String longest = null;
            for (String marker : markers) {
                if (text.startsWith(marker, i) && (longest == null || marker.length() > longest.length())) longest = marker;
            }
            if (longest == null) continue;
            if (i > at) emit(new Output.Text(text.substring(at, i)));
            strayMarker(longest);
            at = i + longest.length();
            i = at - 1;
        }
        if (at < text.length()) emit(new Output.Text(text.substring(at)));
    }

    private static Block opens(List<Block> blocks, String marker) {
        for (Block block : blocks) if (block.open().equals(marker)) return block;
        return null;
    }

    /// A marker of reasoning is shown where reasoning is.
    private void mark(String marker) {
        emit(mode == ReasoningMode.SHOW ? new Output.Text(marker) : new Output.Marker(marker, false));
    }

    private void enterReasoning(Block opened) {
        state = State.REASONING;
        block = opened;
    }

    private void openHeader(String marker) {
        state = State.HEADER;
        opening = marker;
    }

    private void header(String before, String marker) {
        Harmony header = Harmony.of(opening + before);
        function = header.function();
        boolean analysis = "analysis".equals(header.channel());
        String raw = opening + before + marker;
        if (function != null) {
            state = State.TOOL;
            block = new Block(Harmony.MESSAGE, "<|call|>");
            opening = raw;
        } else {
            emit(new Output.Marker(raw, false));
            state = analysis ? State.REASONING : State.OUTSIDE;
            block = null;
        }
    }

    /// Reads a block; an empty marker means that the answer ended, or that nothing closes this kind of block.
    private void closeTool(String body, String marker) {
        boolean bareTag = block.open().endsWith("=");
        try {
            boolean unclosed = marker.isEmpty() && !block.close().isEmpty() && dialect.syntax() != ToolSyntax.HARMONY;
            if (unclosed) throw new ToolCalls.Malformed("the call is not closed");
            List<ToolCall> found = dialect.syntax() == ToolSyntax.HARMONY ? List.of(new ToolCall(function, ToolCalls.object(body)))
                    : ToolCalls.parse(dialect.syntax(), bareTag ? body + marker : body, types);
            String raw = opening + body + marker;
            for (ToolCall call : found) {
                emit(new Output.Tool(raw, new ToolDelta(calls, id(), call.name(), "")));
                emit(new Output.Tool("", new ToolDelta(calls, null, null, call.arguments())));
                raw = "";
                calls++;
            }
        } catch (ToolCalls.Malformed malformed) {
            boolean notACall = block.open().equals("{");
            if (!notACall) emit(new Output.ToolParseError("", malformed.getMessage()));
            if (!opening.isEmpty()) emit(new Output.Marker(opening, false));
            visible(body);
            if (!marker.isEmpty()) emit(new Output.Marker(marker, false));
        }
        opening = "";
        function = null;
        scanned = 0;
        state = State.OUTSIDE;
    }

    private String id() {
        StringBuilder id = new StringBuilder("call_");
        for (int i = 0; i < 24; i++) id.append(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
        return id.toString();
    }
}
