// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import dev.stoa.template.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Cuts a template into tokens as jinja2 does with `trim_blocks` and `lstrip_blocks` on: a newline after a block tag
/// goes, and so do blanks between the start of a line and a block tag or comment; `-` and `+` override both.
final class Lexer {
    private static final String[] OPERATORS = {"**", "//", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "[", "]",
        "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"};
    private static final Pattern INTEGER =
            Pattern.compile("0[bB](_?[01])+|0[oO](_?[0-7])+|0[xX](_?[0-9a-fA-F])+|[1-9](_?[0-9])*|0(_?0)*");
    private static final Pattern FLOAT = Pattern.compile(
            "[0-9]+(_[0-9]+)*((\\.[0-9]+(_[0-9]+)*)?[eE][+-]?[0-9]+(_[0-9]+)*|\\.[0-9]+(_[0-9]+)*)");
    private static final Pattern RAW = Pattern.compile("\\{%[-+]?\\s*raw\\s*(-%}\\s*|%})");
    private static final Pattern END_RAW = Pattern.compile("\\{%([-+]?)\\s*endraw\\s*(-%}\\s*|\\+%}|%}\\n?)");

    private final Source source;
    private final String text;
    private final List<Token> tokens = new ArrayList<>();
    private int at;

    private Lexer(Source source) {
        this.source = source;
        this.text = source.text();
    }

    /// Newlines become `\n`, and one at the very end is dropped, before anything else.
    static Source normalize(String template) {
        String text = template.replace("\r\n", "\n").replace('\r', '\n');
        return new Source(text.endsWith("\n") ? text.substring(0, text.length() - 1) : text);
    }

    static List<Token> tokens(Source source) {
        Lexer lexer = new Lexer(source);
        lexer.template();
        return lexer.tokens;
    }

    private void template() {
        while (at < text.length()) {
            int open = nextTag(at);
            if (open < 0) {
                data(text.substring(at), at);
                at = text.length();
                break;
            }
            char kind = text.charAt(open + 1);
            char sign = open + 2 < text.length() ? text.charAt(open + 2) : ' ';
            data(before(open, kind, sign), at);
            at = open + 2 + (sign == '-' || sign == '+' ? 1 : 0);
            switch (kind) {
                case '#' -> comment(open);
                case '{' -> tag(open, Kind.OUTPUT_BEGIN, Kind.OUTPUT_END, "}}");
                default -> {
                    Matcher raw = RAW.matcher(text).region(open, text.length());
                    if (raw.lookingAt()) raw(open, raw.end());
                    else tag(open, Kind.BLOCK_BEGIN, Kind.BLOCK_END, "%}");
                }
            }
        }
        tokens.add(new Token(Kind.END, "", text.length()));
    }

    private int nextTag(int from) {
        for (int i = text.indexOf('{', from); i >= 0 && i + 1 < text.length(); i = text.indexOf('{', i + 1)) {
            if ("{%#".indexOf(text.charAt(i + 1)) >= 0) return i;
        }
        return -1;
    }

    /// Text in front of a tag, shortened as the tag asks.
    private String before(int open, char kind, char sign) {
        String part = text.substring(at, open);
        if (sign == '-') return TextMethods.strip(part, null, false, true);
        if (sign == '+' || kind == '{') return part;
        int line = part.lastIndexOf('\n') + 1;
        boolean lineStarts = line > 0 || at == 0 || text.charAt(at - 1) == '\n';
        return lineStarts && isBlank(part, line) ? part.substring(0, line) : part;
    }

    private static boolean isBlank(String text, int from) {
        for (int i = from; i < text.length(); i++) if (!TextMethods.isSpace(text.charAt(i))) return false;
        return true;
    }

    private void data(String part, int offset) {
        if (!part.isEmpty()) tokens.add(new Token(Kind.DATA, part, offset));
    }

    private void comment(int open) {
        int close = text.indexOf("#}", at);
        if (close < 0) throw source.fault(open, "a comment is not closed");
        close(close, close > at ? text.charAt(close - 1) : ' ', true);
    }

    private void raw(int open, int begin) {
        Matcher end = END_RAW.matcher(text);
        if (!end.find(begin)) throw source.fault(open, "a raw block is not closed");
        String part = text.substring(begin, end.start());
        if (end.group(1).equals("-")) part = TextMethods.strip(part, null, false, true);
        else if (end.group(1).isEmpty()) {
            int line = part.lastIndexOf('\n') + 1;
            if (line > 0 && isBlank(part, line)) part = part.substring(0, line);
        }
        data(part, begin);
        at = end.end();
    }

    /// Steps over a closing `xx}` at `close`; `sign` is the character in front of it.
    private void close(int close, char sign, boolean block) {
        at = close + 2;
        if (sign == '-') while (at < text.length() && TextMethods.isSpace(text.charAt(at))) at++;
        else if (sign != '+' && block && at < text.length() && text.charAt(at) == '\n') at++;
    }

    private void tag(int open, Kind begin, Kind end, String closing) {
        tokens.add(new Token(begin, "", open));
        List<Character> brackets = new ArrayList<>();
        while (true) {
            while (at < text.length() && TextMethods.isSpace(text.charAt(at))) at++;
            if (at >= text.length()) throw source.fault(open, "a tag is not closed");
            if (brackets.isEmpty()) {
                char sign = text.charAt(at);
                boolean signed = (sign == '-' || sign == '+' && closing.equals("%}")) && text.startsWith(closing, at + 1);
                if (signed || text.startsWith(closing, at)) {
                    tokens.add(new Token(end, "", at));
                    close(signed ? at + 1 : at, signed ? sign : ' ', closing.equals("%}"));
                    return;
                }
            }
            token(brackets);
        }
    }

    private void token(List<Character> brackets) {
        int begin = at;
        char c = text.charAt(at);
        if (c == '\'' || c == '"') {
            string(c);
        } else if (c >= '0' && c <= '9') {
            boolean index = text.charAt(at - 1) == '.';         // in x.0.1 two indices, not a fraction
            Matcher real = FLOAT.matcher(text).region(at, text.length());
            boolean fraction = !index && real.lookingAt();
            Matcher number = fraction ? real : INTEGER.matcher(text).region(at, text.length());
            if (!fraction && !number.lookingAt()) throw source.fault(at, "a number cannot be read");
            at = number.end();
            tokens.add(new Token(fraction ? Kind.FLOAT : Kind.INTEGER, number.group().replace("_", ""), begin));
        } else if (Character.isUnicodeIdentifierStart(text.codePointAt(at)) || c == '_') {
            while (at < text.length() && (Character.isUnicodeIdentifierPart(text.charAt(at)))) at++;
            tokens.add(new Token(Kind.NAME, text.substring(begin, at), begin));
        } else {
            operator(brackets);
        }
    }

    private void operator(List<Character> brackets) {
        for (String operator : OPERATORS) {
            if (!text.startsWith(operator, at)) continue;
            char c = operator.charAt(0);
            if ("([{".indexOf(c) >= 0) brackets.add(c == '(' ? ')' : c == '[' ? ']' : '}');
            else if (")]}".indexOf(c) >= 0 && (brackets.isEmpty() || brackets.removeLast() != c)) {
                throw source.fault(at, "unexpected '%s'", c);
            }
            tokens.add(new Token(Kind.OPERATOR, operator, at));
            at += operator.length();
            return;
        }
        throw source.fault(at, "unexpected character '%s'", Character.toString(text.codePointAt(at)));
    }

    private void string(char quote) {
        int begin = at++;
        StringBuilder value = new StringBuilder();
        while (at < text.length() && text.charAt(at) != quote) {
            char c = text.charAt(at++);
            if (c != '\\') value.append(c);
            else if (at < text.length()) escape(value);
        }
        if (at >= text.length()) throw source.fault(begin, "a string is not closed");
        at++;
        tokens.add(new Token(Kind.STRING, value.toString(), begin));
    }

    /// Python's escapes; an unknown one keeps its backslash.
    private void escape(StringBuilder value) {
        char c = text.charAt(at++);
        switch (c) {
            case 'n' -> value.append('\n');
            case 't' -> value.append('\t');
            case 'r' -> value.append('\r');
            case 'a' -> value.append('\u0007');
            case 'b' -> value.append('\b');
            case 'f' -> value.append('\f');
            case 'v' -> value.append('\u000b');
            case '\\', '\'', '"' -> value.append(c);
            case '\n' -> { }
            case 'x' -> hex(value, 2);
            case 'u' -> hex(value, 4);
            case 'U' -> hex(value, 8);
            case '0', '1', '2', '3', '4', '5', '6', '7' -> {
                int code = c - '0';
                for (int i = 0; i < 2 && at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '7'; i++) {
                    code = code * 8 + text.charAt(at++) - '0';
                }
                value.append((char) code);
            }
            default -> {
                // jinja2 first writes other characters as escapes, so that their backslash meets ours
                int point = text.codePointAt(at - 1);
                value.append('\\');
                if (c < 128) value.append(c);
                else value.append((point < 0x100 ? "x%02x" : point < 0x10000 ? "u%04x" : "U%08x").formatted(point));
                if (point >= 0x10000) at++;
            }
        }
    }

    private void hex(StringBuilder value, int digits) {
        int end = at + digits;
        String code = end <= text.length() ? text.substring(at, end) : "";
        if (!code.matches("[0-9a-fA-F]+") || !Character.isValidCodePoint((int) Long.parseLong(code, 16))) {
            throw source.fault(at, "an escape is not a character");
        }
        value.appendCodePoint((int) Long.parseLong(code, 16));
        at = end;
    }
}
